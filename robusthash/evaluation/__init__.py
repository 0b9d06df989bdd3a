"""Evaluations: a plan of cells, run in shards, stored as records."""
