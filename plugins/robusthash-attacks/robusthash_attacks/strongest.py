"""Ensembles of attacks in the spirit of AutoAttack (Croce and Hein, ICML 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robusthash.contracts import Ensemble
from robusthash.errors import OptionError
from robusthash.specs import Capability, Distance, Goal, Norm


@dataclass(frozen=True, kw_only=True)
class Strongest(Ensemble):
    """The worst outcome per query of attacks with different losses and different codes to move away from.

    A loss may stall on one victim and not on another, and the code farthest from the query's own is not always the one
    that retrieves least. The members, their slopes and their order are chosen by what each adds per pass, on victims of
    several kinds: docs/attacks/strongest.md.
    """

    members: tuple[str, ...] = (
        "mainstay/adaptive",
        "sdha",
        "tanh/adaptive",
        "mainstay/refine",
        "rival/best",
        "rival/second",
        "rival/third",
        "rival/refine",
    )  #: registered names of untargeted attacks: those that start anew, then those that go on from the best outcome
    steps: int = 100  #: of each member, unless the run gives it its own
    restarts: int = 2  #: tries; all but the first start at random points, and only for queries that are not broken
    broken: float = 0.002  #: a query within this of the worst possible headline metric counts as broken
    sparing: bool = True  #: whether members leave alone what earlier ones have broken, in the first try too

    def __post_init__(self) -> None:
        if not self.members or min(self.restarts, self.steps) < 1 or self.broken < 0:
            raise OptionError(
                f"members={self.members}, steps={self.steps}, restarts={self.restarts}, broken={self.broken}",
                hint="name at least one attack; steps and restarts are at least 1, broken at least 0",
            )

    @property
    def norms(self) -> frozenset[Norm]:
        """L-infinity and L2."""
        return frozenset({Norm.LINF, Norm.L2})

    @property
    def needs(self) -> frozenset[Capability]:
        """Gradients, the queries' labels, and the train split's codes."""
        return frozenset({Capability.GRADIENTS, Capability.LABELS, Capability.CODE_BANK})

    def given(self, member: str) -> Mapping[str, Any]:  # noqa: ARG002 - all have the same number of steps
        """The number of steps."""
        return {"steps": self.steps}


@dataclass(frozen=True, kw_only=True)
class FirstStrongest(Strongest):
    """The ensemble as it was at first: annealed slopes, sign steps, and in the first try all members on all queries.

    It is kept so that what was measured with it can be measured again.
    """

    members: tuple[str, ...] = (
        "hinge",
        "hinge-center",
        "tanh",
        "rnm",
        "hag",
        "center",
        "mainstay",
        "sdha",
    )  #: registered names of untargeted attacks
    steps: int = 100  #: of each member, unless the run gives it its own
    broken: float = 0.01  #: a query within this of the worst possible headline metric counts as broken
    sparing: bool = False  #: whether members leave alone what earlier ones have broken, in the first try too

    def given(self, member: str) -> Mapping[str, Any]:
        """The number of steps, and the slopes of that time."""
        return {"steps": self.steps, **_FIRST_SLOPES.get(member, {})}


#: None anneals the slope; one member had a fixed one.
_FIRST_SLOPES: Mapping[str, Mapping[str, Any]] = {
    **{member: {"scale": None} for member in ("tanh", "hag", "mainstay", "sdha")},
    "center": {"scale": 1.0},
}


@dataclass(frozen=True, kw_only=True)
class StrongestTowards(Strongest):
    """The best outcome per query of targeted attacks: the highest average precision of the target label's items."""

    members: tuple[str, ...] = (
        "smooth-ap-target",
        "sdha-target",
        "mainstay-target/adaptive",
        "mainstay-target/steep",
        "smooth-ap-target/steep",
    )  #: registered names of targeted attacks, what adds most first
    steps: int = 150  #: of each member, unless the run gives it its own

    @property
    def goal(self) -> Goal:
        """Targeted."""
        return Goal.TARGETED

    @property
    def needs(self) -> frozenset[Capability]:
        """Gradients, and the train split's codes."""
        return frozenset({Capability.GRADIENTS, Capability.CODE_BANK})


@dataclass(frozen=True, kw_only=True)
class StrongestOnDescriptors(Strongest):
    """The worst outcome per query on continuous descriptors: away from the query's own, and from its label's mean."""

    members: tuple[str, ...] = (
        "descriptor",
        "descriptor/adaptive",
        "descriptor-center",
    )  #: registered names of untargeted attacks
    steps: int = 100  #: of each member, unless the run gives it its own
    broken: float = 0.01  #: a query within this of the worst possible headline metric counts as broken
    sparing: bool = False  #: whether members leave alone what earlier ones have broken, in the first try too

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset({Distance.COSINE, Distance.L2})
