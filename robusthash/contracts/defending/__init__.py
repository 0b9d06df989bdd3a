"""What a defense is, and what it may use."""
