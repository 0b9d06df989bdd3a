"""The ball of L2: the Euclidean norm of a change is at most the radius."""

import math

import torch
from torch import Tensor

from robusthash.contracts.attacking.balls.neighbourhood import Neighbourhood
from robusthash.contracts.modality import Box

_MARGIN = 2.0**-18  #: share of the radius that a projection stays short of it: float32 sums round by less
_ULP = 2.0**-24  #: an element of size 1 is rounded by less
_ROUNDS = 64  #: of a projection; four or five are usual
_HALVINGS = 6  #: of the interval in which the threshold of rounding is sought: to a hundredth of a level


class L2(Neighbourhood):
    """The Euclidean norm of the change is at most a number of box widths: of an image, in [0, 1] pixels.

    It is over all elements, so that a radius means less per element the larger an input is.
    """

    def reach(self, size: float, box: Box) -> float:  # noqa: D102 - as in the base class
        return size * box.width

    def even(self, size: float, box: Box, elements: int) -> float:  # noqa: D102 - as in the base class
        return size * box.width / math.sqrt(elements)

    def steepest(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return unit_length(gradient)

    def distance(self, inputs: Tensor, clean: Tensor, box: Box) -> Tensor:  # noqa: D102 - as in the base class
        return (inputs - clean).square().flatten(1).sum(1).sqrt() / box.width

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Scales the change and clips it to the box: with the right scale, that is the nearest point of both.

        By the Karush-Kuhn-Tucker conditions, the nearest point is ``clip(clean + t (inputs - clean))`` for the largest
        ``t`` up to 1 at which it is inside the ball. The elements that are clipped at a ``t`` too small stay clipped,
        so the ``t`` for these is again too small, or right. It is raised until no further element is clipped.
        """
        inside = box.clamp(inputs)
        change = inputs - clean
        radius = self.reach(size, box)
        outside = (inside - clean).square().flatten(1).sum(1) > radius**2
        if not outside.any():
            return inside
        shape = (-1, *[1] * (clean.ndim - 1))
        # All elements may be rounded the same way, which matters where the radius is small.
        rounding = math.sqrt(clean[0].numel()) * max(abs(box.low), abs(box.high)) * _ULP
        short = max(radius * (1 - _MARGIN) - rounding, 0.0)
        with torch.no_grad():  # a gradient goes through the scaling as through a constant
            scale = _scale(change, clean, short, box).view(shape)
        scaled = box.clamp(clean + scale * change)
        return torch.where(outside.view(shape), scaled, inside)

    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Uniform in the ball, and clipped to the box: a normal direction, whose own length gives the distance."""
        normal = torch.special.ndtri(uniform.clamp_min(torch.finfo(uniform.dtype).eps / 4))
        squares = normal.square().flatten(1).sum(1)
        elements = normal[0].numel() if len(normal) else 1
        # A normal vector's direction and length are independent, and the length's own distribution function is uniform.
        share = torch.special.gammainc(torch.tensor(elements / 2, dtype=torch.float64), squares.cpu().double() / 2)
        length = share.pow(1 / elements).to(squares) / squares.sqrt()
        offset = normal * length.view(-1, *[1] * (clean.ndim - 1)) * self.reach(size, box)
        return self.project(clean + offset, clean, size, box)

    def deliver(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Rounds each input to the levels as near as the radius allows.

        Rounding to the nearest level may leave the ball, and rounding toward the clean input, which never does, would
        take a small change of many elements away: half a level of each. So an element is rounded up from a threshold
        of its own fraction, from a half on, that is the same for an input's elements and is as low as the radius
        allows.
        """
        if box.levels is None:
            return inputs
        steps = ((inputs - clean) * (box.levels / box.width)).flatten(1)
        # No change within the box is longer than its diagonal, and a longer radius, squared, is beyond 64 bits.
        whole = min(size, math.sqrt(steps.shape[1])) * box.levels
        sizes, limit = steps.abs(), math.floor(whole**2 * (1 + 1e-9))
        low = steps.new_full((len(steps), 1), 0.5)
        beyond = _outside(sizes, low, limit)
        if not beyond.any():
            return box.away(clean, (steps.sign() * _rounded(sizes, low)).view_as(clean))
        high = torch.ones_like(low)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            outside = _outside(sizes, middle, limit)
            low, high = torch.where(outside, middle, low), torch.where(outside, high, middle)
        threshold = torch.where(beyond, high, 0.5)
        return box.away(clean, (steps.sign() * _rounded(sizes, threshold)).view_as(clean))

    def contains(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:  # noqa: D102 - as in the base class
        near = self.distance(inputs, clean, box) * box.width <= self.reach(size, box) + box.tolerance
        return near & ((inputs >= box.low) & (inputs <= box.high)).flatten(1).all(1)


def unit_length(gradient: Tensor) -> Tensor:
    """The gradient divided by its L2 norm, per sample: (n, ...); a gradient of zero stays zero.

    >>> unit_length(torch.tensor([[3.0, -4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, -0.800000011920929], [0.0, 0.0]]
    """
    norm: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    norm = norm.clamp_min(torch.finfo(gradient.dtype).tiny)
    return gradient / norm.view(-1, *[1] * (gradient.ndim - 1))


def _scale(change: Tensor, clean: Tensor, radius: float, box: Box) -> Tensor:
    """The largest share of each change, up to 1, at which it is inside the ball once it is clipped to the box: (n,)."""
    sizes = change.abs().flatten(1)
    room = torch.where(change > 0, box.high - clean, clean - box.low).flatten(1)
    scale = radius / sizes.square().sum(1).sqrt()
    for _ in range(_ROUNDS):
        clipped = sizes * scale[:, None] >= room
        left = radius**2 - torch.where(clipped, room, 0).square().sum(1)
        free = torch.where(clipped, 0, sizes).square().sum(1)
        # Where nothing is left to be scaled, the clipped change is inside the ball.
        raised = torch.where(free > 0, (left.clamp_min(0) / free).sqrt(), 1).clamp_max(1).maximum(scale)
        if torch.equal(raised, scale):
            break
        scale = raised
    return scale


def _rounded(sizes: Tensor, threshold: Tensor) -> Tensor:
    return (sizes + (1 - threshold)).floor()


def _outside(sizes: Tensor, threshold: Tensor, limit: float) -> Tensor:
    """Whether what is rounded is outside the ball: (n, 1). Whole numbers are summed exactly up to 2^24."""
    return _rounded(sizes, threshold).square().sum(1, keepdim=True) > limit
