"""What is done before a cell's first shard: the request is checked, and its systems and its attack are made."""
