"""What every kind of ball can do: measure, project, draw points."""

from abc import ABC, abstractmethod

from torch import Tensor

from robusthash.contracts.modality import Box


class Neighbourhood(ABC):
    """The inputs that are near a clean one, in one norm. It has no state."""

    @abstractmethod
    def reach(self, size: float, box: Box) -> float:
        """A radius in the units of the inputs."""

    def even(self, size: float, box: Box, elements: int) -> float:  # noqa: ARG002 - for norms over all elements
        """The change of each element, in the units of the inputs, if a radius is spent on all of them alike."""
        return self.reach(size, box)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The change of size 1 that a gradient promises most of: its sign, if elements are bounded one by one."""
        return gradient.sign()

    @abstractmethod
    def distance(self, inputs: Tensor, clean: Tensor, box: Box) -> Tensor:
        """Distance of each input from its clean one: (n,) float, comparable with a radius."""

    @abstractmethod
    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """The nearest inputs within a radius and the box; the same shape."""

    @abstractmethod
    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Inputs within a radius and the box, drawn by numbers in [0, 1) of the same shape."""

    @abstractmethod
    def contains(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Whether each input is within a radius and the box, up to float32 rounding: (n,) bool."""

    def deliver(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:  # noqa: ARG002 - as above
        """Rounds inputs to the levels of the box, within the radius; by default toward the clean ones."""
        return box.toward(inputs, clean)
