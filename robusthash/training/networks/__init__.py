"""Networks: how they are built, stored, read and run."""
