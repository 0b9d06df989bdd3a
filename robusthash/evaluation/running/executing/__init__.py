"""Where shards are run: in this process, or in others."""
