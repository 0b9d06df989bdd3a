"""Feature networks below the hash layer."""
