"""What a report shows of one record, computed from its stored arrays."""
