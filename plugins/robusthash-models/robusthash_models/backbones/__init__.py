"""Feature networks that a hash layer is put on."""
