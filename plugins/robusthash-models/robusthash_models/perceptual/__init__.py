"""Perceptual hashes: what finds copies of an image, as black boxes."""
