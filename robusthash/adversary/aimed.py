"""The base class of attacks that have an aim."""

from dataclasses import dataclass

from robusthash.adversary.aims import Aim
from robusthash.contracts import Attack
from robusthash.specs import Capability, Goal


@dataclass(frozen=True, kw_only=True)
class Aimed(Attack):
    """An attack that follows gradients towards an aim, which says what it needs and whether it is targeted.

    A class names it before what else it is: ``class Mine(Aimed, DescentAttack)``.
    """

    aim: Aim = Aim.AWAY  #: the code, or descriptor, to reach

    @property
    def goal(self) -> Goal:  # noqa: D102 - as in the base class
        return self.aim.goal

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return self.aim.needs | {Capability.GRADIENTS}
