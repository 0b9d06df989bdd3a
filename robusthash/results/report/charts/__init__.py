"""Charts as inline SVG. They need no script; their colours are classes, which follow the page, light or dark."""
