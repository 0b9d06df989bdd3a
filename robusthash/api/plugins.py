"""Loads the installed plugins."""

import warnings

from robusthash.errors import RobustHashWarning
from robusthash.host import PluginHost, PluginProblem


def installed() -> PluginHost:
    """All installed plugins, with a warning for each that cannot be loaded."""
    return PluginHost.load(report=_warn)


def _warn(problem: PluginProblem) -> None:
    doctor = "" if problem.loaded else "; see robusthash plugins doctor"
    warnings.warn(f"{problem.message}{doctor}", RobustHashWarning, stacklevel=2)
