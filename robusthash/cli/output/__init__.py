"""What the commands print: lines, tables, progress, and the command to run next."""
