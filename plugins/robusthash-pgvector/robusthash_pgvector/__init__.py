"""Hash codes in PostgreSQL, searched by the server."""
