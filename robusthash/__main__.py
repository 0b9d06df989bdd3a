"""``python -m robusthash`` is the installed command."""

from robusthash.cli import main

main()
