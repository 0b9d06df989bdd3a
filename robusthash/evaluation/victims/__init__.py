"""Models ready to be attacked, and their codes."""
