"""Attacks, all that they may know, and the guard that checks what they return."""
