"""What an attack is, all that it may know, and the guard that checks what it returns."""
