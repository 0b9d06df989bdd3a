"""What every kind of ball can do: measure, project, draw points."""

from abc import ABC, abstractmethod

from torch import Tensor

from robusthash.contracts.modality import Box


class Neighbourhood(ABC):
    """The inputs that are near a clean one, in one norm. It has no state."""

    @abstractmethod
    def reach(self, size: float, box: Box) -> float:
        """Largest change of one element that a radius allows, in the units of the inputs."""

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
