"""Curves: records of sweeps as series of points."""
