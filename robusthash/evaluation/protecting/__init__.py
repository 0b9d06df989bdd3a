"""Photographs that look the same and no longer retrieve what they show: crafted at their own size, and judged."""
