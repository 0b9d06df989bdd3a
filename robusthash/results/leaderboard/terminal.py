"""The leaderboard in a terminal."""

from typing import TYPE_CHECKING

from robusthash.results.leaderboard.board import Leaderboard
from robusthash.results.leaderboard.sheets import sheets

if TYPE_CHECKING:
    from rich.console import Group


def render(leaderboard: Leaderboard, *, ties: bool = False) -> "Group":
    """The leaderboard as tables for a terminal, however narrow.

    Args:
        leaderboard: as :func:`robusthash.results.build_leaderboard` makes it.
        ties: show the band between the worst and the best order of ties instead of the 95 % interval.
    """
    from rich.console import Group

    return Group(*sheets(leaderboard, ties=ties))
