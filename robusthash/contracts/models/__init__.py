"""What a hash model is, and what makes one."""
