"""The stored result of one cell, and the folder that keeps it."""
