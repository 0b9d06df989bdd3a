"""Retrieval datasets, one per file, and the splits, lists and checks that they share."""
