"""Training hash models."""
