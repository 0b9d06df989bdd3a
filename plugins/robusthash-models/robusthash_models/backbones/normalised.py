"""Backbones whose images may be normalised as for their pretrained weights, or left as they are."""

from dataclasses import dataclass

from robusthash.contracts import Backbone


@dataclass(frozen=True, kw_only=True)
class Normalised(Backbone):
    """A backbone with published weights: its mean and deviation are theirs, or 0 and 1."""

    normalise: bool = True  #: as for the published weights; false takes images in [0, 1] as they are

    def __post_init__(self) -> None:
        if not self.normalise:
            object.__setattr__(self, "mean", (0.0, 0.0, 0.0))
            object.__setattr__(self, "std", (1.0, 1.0, 1.0))
