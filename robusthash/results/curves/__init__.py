"""Sweeps as curves."""
