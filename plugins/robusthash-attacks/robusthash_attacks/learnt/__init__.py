"""Attacks that are learnt once on the train split, and then cost a query one pass of a generator, or none at all."""
