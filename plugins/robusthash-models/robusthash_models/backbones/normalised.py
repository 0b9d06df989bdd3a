"""Backbones whose normalisation can be switched off."""

from dataclasses import dataclass

from robusthash.contracts import Backbone


@dataclass(frozen=True, kw_only=True)
class Normalised(Backbone):
    """A backbone with published weights: its mean and deviation are those of the weights, or 0 and 1."""

    normalise: bool = True  #: normalise images as for the published weights; otherwise take them in [0, 1]

    def __post_init__(self) -> None:
        if not self.normalise:
            object.__setattr__(self, "mean", (0.0, 0.0, 0.0))
            object.__setattr__(self, "std", (1.0, 1.0, 1.0))
