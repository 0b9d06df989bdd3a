"""Tables of text for terminal, Markdown, HTML and CSV, with untrusted names escaped."""
