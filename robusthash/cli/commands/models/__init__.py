"""The commands that make models and attacks: train, harden, fit, import."""
