"""From shards to records: the cells of a run, one after another."""
