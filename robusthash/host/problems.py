"""Problems of plugins: what is wrong with one, while the others are in use."""

from dataclasses import dataclass

from robusthash.host.discovery import Owner


@dataclass(frozen=True, kw_only=True)
class PluginProblem:
    """A fault of one plugin, which does not affect the others.

    Attributes:
        owner: the distribution that it comes from.
        entry_point: name of the entry point.
        message: one line that names the distribution and its version.
        details: the traceback.
        loaded: whether the plugin is in use nevertheless, because only one of its observers failed.
    """

    owner: Owner
    entry_point: str
    message: str
    details: str
    loaded: bool


def ignore(_problem: PluginProblem) -> None:
    """Ignores a problem."""
