"""An ensemble of attacks in the spirit of AutoAttack (Croce and Hein, ICML 2020)."""

from dataclasses import dataclass

from robusthash.contracts import Ensemble
from robusthash.errors import OptionError
from robusthash.specs import Capability, Distance, Norm


@dataclass(frozen=True, kw_only=True)
class Strongest(Ensemble):
    """The worst outcome per query of attacks with different losses and different codes to move away from.

    The members move away from the query's own code (hinge, tanh, RNM, HAG), the centre code of its label (hinge, tanh),
    its mainstay code, and all codes that are relevant to it (SDHA). A loss may stall on one victim and not on another,
    and the code farthest from the query's own is not always the one that retrieves least. The budget is fixed: 100
    steps per member, fewer once all bits have flipped, and as many again for queries that are not broken by then.
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
    restarts: int = 2  #: runs; all but the first start at random points, and only for queries that are not broken
    broken: float = 0.01  #: a query within this of the worst possible headline metric counts as broken

    def __post_init__(self) -> None:
        if not self.members or self.restarts < 1 or self.broken < 0:
            raise OptionError(
                f"members={self.members}, restarts={self.restarts}, broken={self.broken}",
                hint="name at least one attack; restarts is at least 1, broken at least 0",
            )

    @property
    def norms(self) -> frozenset[Norm]:
        """L-infinity and L2."""
        return frozenset({Norm.LINF, Norm.L2})

    @property
    def needs(self) -> frozenset[Capability]:
        """Gradients, the queries' labels, and the train split's codes."""
        return frozenset({Capability.GRADIENTS, Capability.LABELS, Capability.CODE_BANK})


@dataclass(frozen=True, kw_only=True)
class StrongestOnDescriptors(Strongest):
    """The worst outcome per query on continuous descriptors: away from the query's own, and from its label's mean."""

    members: tuple[str, ...] = (
        "descriptor",
        "descriptor/adaptive",
        "descriptor-center",
    )  #: registered names of untargeted attacks

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset({Distance.COSINE, Distance.L2})
