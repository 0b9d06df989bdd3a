"""What one command does, whole."""
