"""Seeded draws of items, and the recipes of papers made from them."""
