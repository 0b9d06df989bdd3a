"""The ball of L-infinity: no element changes by more than the radius."""

from torch import Tensor

from robusthash.contracts.attacking.balls.neighbourhood import Neighbourhood
from robusthash.contracts.modality import Box


class Linf(Neighbourhood):
    """No element changes by more than a share of the box's width."""

    def reach(self, size: float, box: Box) -> float:  # noqa: D102 - as in the base class
        return size * box.width

    def distance(self, inputs: Tensor, clean: Tensor, box: Box) -> Tensor:  # noqa: D102 - as in the base class
        return (inputs - clean).abs().flatten(1).amax(1) / box.width

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Clips to the ball and the box, element by element."""
        reach = self.reach(size, box)
        return box.clamp((inputs - clean).clamp_(-reach, reach).add_(clean))

    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """The number of each element is its position in the ball."""
        return self.project(clean + (2 * uniform - 1) * self.reach(size, box), clean, size, box)

    def contains(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:  # noqa: D102 - as in the base class
        near = (inputs - clean).abs() <= self.reach(size, box) + box.tolerance
        inside = near & (inputs >= box.low) & (inputs <= box.high)
        return inside.flatten(1).all(1)
