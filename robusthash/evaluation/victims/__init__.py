"""Plugins, queries, and models that are ready to be attacked."""
