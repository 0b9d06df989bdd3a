"""What a dataset is, and what its splits are read from."""
