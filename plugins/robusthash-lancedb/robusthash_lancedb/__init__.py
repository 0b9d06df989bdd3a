"""Hash codes on disk, searched by LanceDB."""
