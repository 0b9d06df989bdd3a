"""Models that hash images and texts into one code space."""
