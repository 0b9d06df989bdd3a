"""Attacked queries, a shard at a time."""
