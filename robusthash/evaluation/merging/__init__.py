"""Puts together what several runs have left: records, and the shards of cells that were split between them."""
