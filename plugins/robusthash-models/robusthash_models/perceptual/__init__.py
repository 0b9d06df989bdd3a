"""Perceptual hashes, which find copies of an image, as black boxes."""
