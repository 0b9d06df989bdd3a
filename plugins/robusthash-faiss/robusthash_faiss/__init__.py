"""FAISS indexes for robusthash."""
