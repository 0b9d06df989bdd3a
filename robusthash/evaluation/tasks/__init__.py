"""Complete tasks, one per command."""
