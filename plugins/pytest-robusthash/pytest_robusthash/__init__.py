"""A pytest plugin: the fixture ``robusthash_gate``. Torch is imported when a model is evaluated, not with pytest."""
