"""How what a generator's head says becomes an adversarial image, and the base class of attacks that draw."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from robusthash.contracts import Threat
from robusthash.errors import OptionError
from robusthash_attacks.images import ImageAttack

Bound = Literal["tanh", "none", "project"]  #: a residual within the radius; an image; an image that is clipped
Draw = Callable[[Tensor, Tensor], Tensor]  #: an adversarial image from the head's (n, 3, h, w) and the clean one's

_REACH = 1.1  #: what the head's 1 stands for, in radii; more than the radius is clipped. A tanh never is 1, so at 1.0
#: rounding toward the clean image takes a level off the largest residuals: one of eight at 8/255


@dataclass(frozen=True, kw_only=True)
class DrawnAttack(ImageAttack):
    """An attack whose images a generator draws."""

    bound: Bound = (
        "tanh"  #: tanh: the generator draws a residual of at most epsilon; none: a whole image, without a bound, as
        #: published; project: the same, clipped to epsilon once it is drawn
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bound not in get_args(Bound):
            raise OptionError(f"bound={self.bound}", hint=f"one of: {', '.join(get_args(Bound))}")

    @property
    def bounded(self) -> bool:  # noqa: D102 - as in the base class
        return self.bound != "none"


def scaled(images: Tensor) -> Tensor:
    """Pixels in [0, 1] to [-1, 1], the scale of generators and discriminators."""
    return 2 * images - 1


def whole(head: Tensor, clean: Tensor) -> Tensor:  # noqa: ARG001 - as the other ways to draw
    """The head's output as the image, as published."""
    return (head + 1) / 2


def within(threat: Threat) -> Draw:
    """The head's output as a residual of at most the radius."""
    return lambda head, clean: threat.project(clean + _REACH * threat.radius * head, clean)


def projected(threat: Threat) -> Draw:
    """The head's output as the image, clipped to the ball once it is drawn."""
    return lambda head, clean: threat.project(whole(head, clean), clean)


def learning(bound: Bound, threat: Threat) -> Draw:
    """How images are drawn while the generator learns: an image that is to be clipped is learnt without a bound."""
    return within(threat) if bound == "tanh" else whole


def attacking(bound: Bound, threat: Threat) -> Draw:
    """How the adversarial image is drawn."""
    return projected(threat) if bound == "project" else learning(bound, threat)
