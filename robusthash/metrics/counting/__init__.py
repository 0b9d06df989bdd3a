"""Items and relevant items at each distance of a query, or at each rank: what every ranking metric is computed from."""
