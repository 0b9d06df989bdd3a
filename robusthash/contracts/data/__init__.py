"""Datasets, their splits, and the inputs that these are read from."""
