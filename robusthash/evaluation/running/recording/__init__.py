"""What becomes of shards: records, their pictures, and the outcome of the run."""
