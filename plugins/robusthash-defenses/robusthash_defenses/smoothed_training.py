"""Smoothing of a network that has been trained on noise before (Cohen et al., ICML 2019, section 3.3)."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from robusthash.contracts import (
    DefenseContext,
    Draws,
    HashModel,
    Objective,
    TrainBatch,
    TrainedWrapper,
    TrainingReport,
    TrainStep,
)
from robusthash.training import FurtherTraining, ObjectiveStep
from robusthash_defenses.inner_products import InnerProducts
from robusthash_defenses.smoothed import Voted, check_votes


class NoisyStep(ObjectiveStep):
    """An objective's loss of a batch with noise on its inputs.

    Args:
        objective: the loss.
        sigma: standard deviation of the noise.
        seed: of the objective's head.
    """

    def __init__(self, objective: Objective, sigma: float, *, seed: int) -> None:
        super().__init__(objective, seed=seed)
        self.sigma = sigma

    def identity(self) -> str:  # noqa: D102 - as in the base class
        return f"{super().identity()} under noise of {self.sigma}"

    def reads(self, modality: str) -> bool:  # noqa: ARG002, D102
        return True  # the noise is on the inputs

    def loss(self, model: HashModel, batch: TrainBatch, step: TrainStep) -> Tensor:  # noqa: D102
        noisy = {name: view + self.sigma * torch.randn_like(view) for name, view in batch.views.items()}
        return super().loss(model, replace(batch, views=noisy), step)


@dataclass(frozen=True, kw_only=True)
class TrainedSmoothing(FurtherTraining, TrainedWrapper):
    """Trains a model further on images with Gaussian noise, by its own objective, and lets it vote over such noise.

    Raises:
        OptionError: a value is outside its range.
    """

    draws: ClassVar[Draws] = Draws.PER_CALL

    sigma: float = 0.25  #: standard deviation of the noise, in pixel space, in training and in votes
    votes: int = 31  #: noisy copies of each input, odd; each costs a pass

    def __post_init__(self) -> None:
        check_votes(self.sigma, self.votes)
        super().__post_init__()

    def around(self, model: HashModel, seed: int) -> HashModel:  # noqa: ARG002, D102 - as in the base class
        return Voted(model, self.sigma, self.votes)

    def train(self, model: HashModel, context: DefenseContext) -> tuple[HashModel, TrainingReport]:  # noqa: D102
        hardened = deepcopy(model).requires_grad_(requires_grad=True)
        own = context.objective if isinstance(context.objective, Objective) else InnerProducts()
        step = NoisyStep(own, self.sigma, seed=context.objective_seed)
        report = context.train(hardened, step, self.recipe)
        return self.around(hardened, context.seed), report
