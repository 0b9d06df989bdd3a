"""Figures of stored results for papers, with matplotlib: the same results give the same bytes."""
