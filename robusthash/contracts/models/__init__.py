"""Hash models, and the methods that make them."""
