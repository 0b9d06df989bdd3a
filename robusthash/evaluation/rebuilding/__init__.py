"""Cells made again from their records: the settings, the models, the attack, and what differs from the record."""
