"""The slope of tanh in losses on relaxed codes: fixed, annealed as in P2P, DHTA and HAG, or made to fit the logits."""

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from robusthash.contracts import Attack
from robusthash.errors import OptionError

_SCALES = (0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_STEEP = 3.0  #: a logit of mean size, times the relative slope: measured, see the page on slopes
_SMALLEST = 1e-6  #: mean size of logits that a relative slope still follows


class Slope(StrEnum):
    """A slope that is no number."""

    RELATIVE = "relative"  #: 3 over the mean size of the query's logits, at each step


Scale = float | Slope | None  #: a fixed slope a of tanh(a f); relative fits it to the logits, none anneals it


def annealed_scale(progress: float) -> float:
    """Slope ``a`` of ``tanh(a f)``: 0.1 for the first half, then five equal parts of 0.2, 0.3, 0.5, 0.7, 1.

    Source: Huang et al., Machines 2022, section 5.2, and the released code of DHTA (Bai et al., ECCV 2020); the
    schedule of its 2,000 iterations is scaled to the number of steps.

    Args:
        progress: share of the steps already taken, in [0, 1).

    >>> [annealed_scale(i / 2000) for i in (999, 1000, 1399, 1400, 1800)]
    [0.1, 0.2, 0.3, 0.5, 1.0]
    """
    return _SCALES[int(10 * progress)]


def relaxed(logits: Tensor, scale: Scale, progress: float) -> Tensor:
    """The relaxed codes ``tanh(a f)`` that a loss is made of.

    Args:
        logits: (n, bits) float.
        scale: the slope a: a number; None anneals it by :func:`annealed_scale`. A relative one is ``3 / mean |f|`` of
            each row, a constant in the gradient.
        progress: share of the steps already taken, in [0, 1).

    Returns:
        (n, bits) float in [-1, 1].

    >>> relaxed(torch.tensor([[1.0, -3.0], [100.0, -300.0]]), Slope.RELATIVE, 0.0)  # slopes 1.5 and 0.015
    tensor([[ 0.9051, -0.9998],
            [ 0.9051, -0.9998]])
    """
    if scale is Slope.RELATIVE:
        return _relative(logits)
    return torch.tanh((annealed_scale(progress) if scale is None else scale) * logits)


def _relative(logits: Tensor) -> Tensor:
    fixed = logits.detach()
    slope = _STEEP / fixed.abs().mean(1, keepdim=True).clamp_min(_SMALLEST)
    # Autograd's 1 - tanh^2 is zero where tanh rounds to 1, at 3 times the mean size; this form is not, up to 14 times.
    far = torch.exp(-2 * (slope * fixed).abs())
    return torch.tanh(slope * fixed) + slope * 4 * far / (1 + far) ** 2 * (logits - fixed)


@dataclass(frozen=True, kw_only=True)
class Sloped(Attack):
    """An attack whose loss is made of relaxed codes, ``tanh(a f)``: the option of their slope.

    A class names it before what else it is: ``class Mine(Sloped, GradientAttack)``.

    Raises:
        OptionError: the slope is zero, negative, infinite or no number.
    """

    scale: Scale = Slope.RELATIVE  #: slope a of tanh(a f): a number, relative to fit the logits, none to anneal it

    def __post_init__(self) -> None:
        super().__post_init__()
        scale = self.scale
        if scale is not None and not isinstance(scale, Slope) and not 0 < scale < math.inf:
            raise OptionError(
                f"scale={scale}",
                hint="a positive slope of tanh, such as 1; relative to fit the logits; none to anneal it",
            )

    def relaxed(self, logits: Tensor, progress: float) -> Tensor:
        """The relaxed codes of logits, as :func:`relaxed` makes them: (n, bits) float in [-1, 1]."""
        return relaxed(logits, self.scale, progress)
