"""Attacks that follow the gradient of a loss: each is one loss, or one way to spend the gradient."""
