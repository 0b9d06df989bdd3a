"""From codes to numbers."""
