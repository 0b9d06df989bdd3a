"""What is in a dataset, and what is wrong with it: for every dataset, by content."""
