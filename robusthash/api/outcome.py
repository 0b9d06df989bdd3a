"""The result of an attack on a caller's inputs."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.results import Cost


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AttackOutcome:
    """Adversarial inputs, one for each input, with what they cost. Tensors are on the device of the inputs.

    Attributes:
        inputs: (n, ...) float32: inside the ball and the box, images on the 8-bit grid.
        unrounded: (n, ...) float32, the same before rounding.
        linf: (n,) float64, largest change of an element.
        l2: (n,) float64, Euclidean norm of the change.
        moved: (n,) distance between the clean and the adversarial code (bits, int64) or descriptor (float).
        clipped: (n,) float64, share of elements that the attack left outside the ball or the box.
        cost: passes of single inputs through the model, and seconds.
    """

    inputs: Tensor
    unrounded: Tensor
    linf: Tensor
    l2: Tensor
    moved: Tensor
    clipped: Tensor
    cost: Cost

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        return (
            f"<AttackOutcome: {len(self)} inputs, Linf {float(self.linf.max()):.4f}, "
            f"moved {float(self.moved.double().mean()):.1f}, {self.cost.forward} forward passes>"
        )
