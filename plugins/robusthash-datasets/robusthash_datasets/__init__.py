"""Retrieval datasets, one a file, and the splits, lists and checks that they share."""
