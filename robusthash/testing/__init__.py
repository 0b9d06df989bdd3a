"""Contract tests and toy victims for plugin authors."""
