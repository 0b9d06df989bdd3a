"""Smoothed gradients, which make attacks transfer better: momentum, look-ahead, and averages over views."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import Randomness, Threat
from robusthash.devices import as_double
from robusthash.errors import OptionError

Slope = Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor]
"""(points, view) -> gradient at the points of ``loss(view(points))``."""


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """How gradients are smoothed before they become steps. The defaults leave them unchanged.

    Attributes:
        decay: decay of the accumulated gradient; new ones are added with mean magnitude 1 (MI, Dong et al., CVPR 2018).
            None does not accumulate.
        nesterov: take the gradient at a point ahead, along the accumulated one (NI, Lin et al., ICLR 2020).
        diversity: probability that a view of an image is shrunk and padded (DI, Xie et al., CVPR 2019).
        shrink: smallest side of a shrunk image, as a share.
        scales: number of views to average over, each half as bright as the one before (SI, Lin et al., ICLR 2020).
        variance: number of neighbours of an iterate whose gradients correct the next gradient (VMI, Wang and He, CVPR
            2021).
        reach: largest distance of these neighbours, as a share of epsilon.
        passes: number of passes of each view to average over, for randomised models (EOT, Athalye et al., ICML 2018).

    Raises:
        OptionError: a value is outside its range, or ``nesterov`` is set without ``decay``.
    """

    decay: float | None = None
    nesterov: bool = False
    diversity: float = 0.0
    shrink: float = 0.9
    scales: int = 1
    variance: int = 0
    reach: float = 1.5
    passes: int = 1

    def __post_init__(self) -> None:
        if self.nesterov and self.decay is None:
            raise OptionError(
                "nesterov without decay", hint="it looks ahead along the accumulated gradient: set decay=1"
            )
        if not 0 <= self.diversity <= 1 or not 0 < self.shrink <= 1:
            raise OptionError(
                f"diversity={self.diversity}, shrink={self.shrink}", hint="both are shares: 0.5 and 0.9 as published"
            )
        if self.scales < 1 or self.variance < 0 or self.reach <= 0 or (self.decay is not None and self.decay < 0):
            raise OptionError(
                f"decay={self.decay}, scales={self.scales}, variance={self.variance}, reach={self.reach}",
                hint="as published: decay=1, scales=5, variance=5, reach=1.5",
            )
        if self.passes < 1:
            raise OptionError(
                f"passes={self.passes}", hint="at least 1; more passes help only against a randomised model"
            )

    @property
    def elsewhere(self) -> bool:
        """Whether gradients need passes of their own, besides the pass of the delivered inputs."""
        return self.nesterov or self.diversity > 0 or self.scales > 1 or self.variance > 0 or self.passes > 1

    @property
    def changes(self) -> bool:
        """Whether a smoothed gradient is any other than the gradient of the pass of the delivered inputs."""
        return self.elsewhere or self.decay is not None

    @property
    def remembers(self) -> bool:
        """Whether a smoothed gradient depends on earlier iterates."""
        return self.decay is not None or self.variance > 0


class Unsmoothed:
    """Gradients as they are, of the pass that sees the delivered inputs; without state."""

    elsewhere = False  #: whether gradients need passes of their own, besides that pass

    def gradient(self, slope: Slope, image: Tensor) -> Tensor:
        """The gradient at an input.

        Args:
            slope: computes the gradient of the loss at some points, through a view.
            image: (n, ...) float, what would be delivered now.

        Returns:
            The same shape.
        """
        return slope(image, _seen_as_it_is)

    def accumulate(self, gradient: Tensor) -> Tensor:
        """The gradient that becomes a step, after those of the steps before.

        Args:
            gradient: (n, ...) float, of this step.

        Returns:
            The same shape.
        """
        return gradient

    def keep(self, rows: Tensor) -> None:
        """Keeps the state of some samples, by (m,) int64 positions, and drops the rest."""


class Smoother(Unsmoothed):
    """Smooths the gradients of one descent. State and random numbers are kept per sample.

    Args:
        options: how to smooth.
        random: where random numbers come from.
        ids: (n,) int64, ids of the queries.
        threat: the ball, whose radius scales the distance of neighbours, and the box that all points stay in.
        size: change of an element in a step, in the inputs' units, if all change alike.
        restart: index of the run.
    """

    def __init__(
        self, options: Smoothing, random: Randomness, ids: Tensor, *, threat: Threat, size: float, restart: int
    ) -> None:
        self.options = options
        self.elsewhere = options.elsewhere
        self._random, self._ids, self._restart = random, ids, restart
        self._threat, self._size = threat, size
        self._velocity: Tensor | None = None
        self._drift: Tensor | None = None
        self._draws = 0

    def gradient(self, slope: Slope, image: Tensor) -> Tensor:
        """The gradient at an input, averaged over its views and corrected by those of its neighbours.

        Args:
            slope: computes the gradient of the loss at some points, through a view.
            image: (n, ...) float, what would be delivered now.

        Returns:
            The same shape.
        """
        options = self.options
        if options.nesterov and options.decay is not None and self._velocity is not None:
            image = self._threat.box.clamp(image - self._size * options.decay * self._velocity)
        gradient = self._averaged(slope, image)
        if not options.variance:
            return gradient
        tuned = gradient if self._drift is None else gradient + self._drift
        around = torch.zeros_like(gradient)
        around_each = self._threat.even(image[0].numel())
        for _ in range(options.variance):
            offset = (2 * self._uniform("variance", tuple(image.shape[1:])) - 1) * options.reach * around_each
            around += self._averaged(slope, self._threat.box.clamp(image + offset))
        self._drift = around / options.variance - gradient
        return tuned

    def accumulate(self, gradient: Tensor) -> Tensor:
        """The accumulated gradient, after adding a new one; without decay, the new one unchanged.

        Args:
            gradient: (n, ...) float; it is scaled to mean magnitude 1 before it is added.

        Returns:
            The same shape.
        """
        if self.options.decay is None:
            return gradient
        size = gradient.abs().flatten(1).mean(1).clamp_min(torch.finfo(gradient.dtype).tiny)
        new = gradient / size.view(-1, *[1] * (gradient.ndim - 1))
        self._velocity = new if self._velocity is None else self.options.decay * self._velocity + new
        return self._velocity

    def keep(self, rows: Tensor) -> None:
        """Keeps the state of some samples, by (m,) int64 positions, and drops the rest."""
        self._ids = self._ids[rows]
        self._velocity = None if self._velocity is None else self._velocity[rows]
        self._drift = None if self._drift is None else self._drift[rows]

    def _averaged(self, slope: Slope, points: Tensor) -> Tensor:
        total = torch.zeros_like(points)
        for power in range(self.options.scales):
            view = self._view(points, 2.0**-power)
            for _ in range(self.options.passes):
                total += slope(points, view)
        return total / (self.options.scales * self.options.passes)

    def _view(self, points: Tensor, scale: float) -> Callable[[Tensor], Tensor]:
        low = self._threat.box.low

        def dimmed(inputs: Tensor) -> Tensor:
            return low + (inputs - low) * scale

        if not self.options.diversity:
            return dimmed
        height, width = points.shape[2:]
        chance, share, top, left = as_double(self._uniform("diversity", (4,))).unbind(1)
        side = self.options.shrink + (1 - self.options.shrink) * share
        side = torch.where(chance < self.options.diversity, side, 1.0)
        rows, columns = (placement(side, place, n).to(points) for place, n in ((top, height), (left, width)))
        return lambda images: rows[:, None] @ dimmed(images) @ columns[:, None].mT

    def _uniform(self, what: str, shape: tuple[int, ...]) -> Tensor:
        self._draws += 1
        return self._random.derived(f"{what}/{self._draws}").uniform(self._ids, shape, restart=self._restart)


def _seen_as_it_is(inputs: Tensor) -> Tensor:
    return inputs


def placement(side: Tensor, place: Tensor, pixels: int) -> Tensor:
    """Matrices that shrink lines of pixels to a share of their length, and place them on a black line.

    Each output pixel interpolates the line linearly at its centre, and is black outside the shrunk line. A share of 1
    leaves the line unchanged. Matrix products give the same result in any batch.

    Args:
        side: (n,) float64 in (0, 1], the share; the new length is rounded to whole pixels.
        place: (n,) float64 in [0, 1), position within the free space.
        pixels: length of the line.

    Returns:
        (n, pixels, pixels) float64, to be multiplied from the left.

    >>> placement(torch.tensor([0.5]).double(), torch.tensor([0.0]).double(), 4)[0] @ torch.arange(4.0).double()
    tensor([0.5000, 2.5000, 0.0000, 0.0000], dtype=torch.float64)
    """
    length = (side * pixels).round().clamp_min(1)
    start = (place * (pixels - length + 1)).floor()
    position = torch.arange(pixels, dtype=torch.float64, device=side.device) - start[:, None]
    source = ((position + 0.5) * (pixels / length)[:, None] - 0.5).clamp(0, pixels - 1)
    below = source.floor().clamp_max(max(pixels - 2, 0))
    share = source - below
    column = torch.arange(pixels, dtype=torch.float64, device=side.device)
    weights = torch.where(column == below[..., None], 1 - share[..., None], 0.0)
    weights = weights + torch.where(column == below[..., None] + 1, share[..., None], 0.0)
    inside = (position >= 0) & (position < length[:, None])
    return torch.where(inside[..., None], weights, 0.0)
