"""Configuration files: TOML whose keys are the names of the options, read as the defaults of a command."""
