"""Attacks run on queries, one shard at a time."""
