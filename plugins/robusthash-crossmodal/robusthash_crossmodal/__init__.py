"""Cross-modal hashing: models with two towers, data with several views, and attacks and defenses made for them."""
