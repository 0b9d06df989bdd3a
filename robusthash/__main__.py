"""``python -m robusthash`` runs the installed command."""

from robusthash.cli import main

main()
