"""The slope of tanh in losses on relaxed codes: fixed, or annealed as in P2P, DHTA and HAG."""

import math

import torch
from torch import Tensor

from robusthash.errors import OptionError

_SCALES = (0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


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


def relaxed(logits: Tensor, scale: float | None, progress: float) -> Tensor:
    """The relaxed codes ``tanh(a f)`` that a loss is made of.

    Args:
        logits: (n, bits) float.
        scale: a fixed slope a; None anneals it by :func:`annealed_scale`.
        progress: share of the steps already taken, in [0, 1).

    Returns:
        (n, bits) float in [-1, 1].
    """
    return torch.tanh((annealed_scale(progress) if scale is None else scale) * logits)


def check_scale(scale: float | None) -> None:
    """Refuses a slope that is no positive number. For ``__post_init__`` of an attack with the option ``scale``.

    Raises:
        OptionError: it is zero, negative, infinite or no number.
    """
    if scale is not None and not 0 < scale < math.inf:
        raise OptionError(f"scale={scale}", hint="a positive slope of tanh, such as 1, or none to anneal it")
