"""The contract of each kind of plugin object, as tests to subclass. Importing these modules needs pytest."""
