"""Certificates: lower bounds of retrieval under any perturbation, from votes over noise."""
