"""What a model makes of items, and which items it finds near others."""
