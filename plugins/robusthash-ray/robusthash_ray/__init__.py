"""Ray clusters for robusthash: workers on many machines, and an index that is spread over them."""
