"""The cells of a run, side by side: all of their shards, or a part."""
