"""What the commands are given: types of values, and the options that several share."""
