"""Classical hashing of features: projections in closed form."""
