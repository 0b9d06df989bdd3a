"""Feature networks of texts, and the image networks that cross-modal hashing is published on."""
