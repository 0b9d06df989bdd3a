"""FAISS binary indexes for robusthash."""
