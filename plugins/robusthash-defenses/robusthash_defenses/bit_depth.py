"""Bit-depth reduction of the inputs (feature squeezing; Xu et al., NDSS 2018, section III-A)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.contracts import Defense, DefenseContext, HashModel, ModelWrapper
from robusthash.errors import OptionError


class Squeezed(ModelWrapper):
    """A hash model with quantised inputs.

    The quantiser's true gradient is zero almost everywhere, which stops gradient attacks without making the model more
    robust. Here its gradient is the identity (BPDA; Athalye et al., ICML 2018), as in an adaptive attack.

    Args:
        model: the hash model.
        levels: number of values per channel.
        masked: use the quantiser's true gradient, to demonstrate gradient masking.
    """

    def __init__(self, model: HashModel, levels: int, *, masked: bool) -> None:
        super().__init__(model)
        self.levels = levels
        self.masked = masked

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        steps = self.levels - 1
        squeezed = (inputs * steps).round() / steps
        if not self.masked:
            squeezed = inputs + (squeezed - inputs).detach()
        logits: Tensor = self.model(squeezed)
        return logits


@dataclass(frozen=True, kw_only=True)
class BitDepth(Defense):
    """Rounds each channel of the input to ``2**depth`` levels."""

    depth: int = 3  #: bits per channel, 1 to 8
    masked: bool = False  #: use the quantiser's true gradient, which is zero, instead of the identity

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 8:
            raise OptionError(f"depth={self.depth}", hint="use 1 to 8 bits per channel")

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:  # noqa: ARG002, D102 - as in the base class
        return Squeezed(model, 2**self.depth, masked=self.masked)
