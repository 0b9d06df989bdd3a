"""Deep hashing objectives and backbones."""
