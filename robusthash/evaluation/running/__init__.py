"""Runs the cells of a plan, and turns shards into records."""
