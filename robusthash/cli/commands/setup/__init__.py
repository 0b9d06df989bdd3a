"""The commands around the others: configuration files, and completion in the shell."""
