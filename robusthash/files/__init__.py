"""Files: read carefully, written whole or not at all, cached, locked, and named by their content."""
