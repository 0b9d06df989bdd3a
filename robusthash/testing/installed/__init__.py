"""Runs the contract tests against plugins that are installed: ``robusthash plugins test``. Importable without torch."""

from robusthash.testing.installed.outcome import Failed, Outcome, Tested
from robusthash.testing.installed.process import Selection, run

__all__ = ["Failed", "Outcome", "Selection", "Tested", "run"]
