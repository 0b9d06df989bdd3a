"""The command line: one small module per command."""

from robusthash.cli.entry import group, main, run

__all__ = ["group", "main", "run"]
