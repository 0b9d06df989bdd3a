"""Comparing records: keys, names, checks between them, and paired differences."""
