"""Datasets whose items have a text beside their image."""
