"""Images of datasets: in memory, in files, and decoded once into the cache."""
