"""What records have in common, and what sets them apart."""
