"""Objectives whose public codes differ in the relaxation: the logits, or their tanh."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from robusthash.contracts import Objective, TrainStep


@dataclass(frozen=True, kw_only=True)
class Relaxed(Objective):
    """An objective whose code relaxation u is an option."""

    relaxation: Literal["tanh", "identity"] = "tanh"  #: u: tanh of the logits, or the logits themselves

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: D102 - as in the base class
        return logits if self.relaxation == "identity" else super().relax(logits, step)
