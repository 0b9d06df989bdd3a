"""Bit-depth reduction of the inputs (feature squeezing; Xu et al., NDSS 2018, section III-A)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.contracts import Defense, DefenseContext, HashModel, ModelWrapper
from robusthash.errors import OptionError


class Squeezed(ModelWrapper):
    """A hash model behind a quantiser.

    The quantiser's true gradient is zero almost everywhere, which stops a gradient attack without making the model any
    more robust. Here it has the identity as its gradient (BPDA; Athalye et al., ICML 2018), so an attack sees through.

    Args:
        model: the model behind it.
        levels: values left to each channel.
        masked: keep the quantiser's true gradient, to show what masking looks like.
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
    """Rounds each channel to ``2**depth`` levels before the model sees it."""

    depth: int = 3  #: bits left to a channel, 1 to 8
    masked: bool = False  #: give attacks the quantiser's own gradient, zero, in place of the identity

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 8:
            raise OptionError(f"depth={self.depth}", hint="1 to 8 bits a channel")

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:  # noqa: ARG002, D102 - as in the base class
        return Squeezed(model, 2**self.depth, masked=self.masked)
