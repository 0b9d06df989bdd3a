"""Adversarial training of a hash model: every batch is attacked first, and learnt from beside its clean images."""

from abc import abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from robusthash.contracts import DefenseContext, HashModel, Objective, Recipe, Threat, TrainedDefense, TrainingReport
from robusthash.errors import OptionError
from robusthash.training.hardening.banks import Scene
from robusthash.training.hardening.inner_attack import InnerAttack
from robusthash.training.hardening.step import AdversarialStep
from robusthash.training.trainer import ObjectiveStep


@dataclass(frozen=True, kw_only=True)
class AdversarialTraining(TrainedDefense):
    """A defense that trains a model further, on images that are crafted against it batch by batch.

    With the clean images x, what the inner attack makes of them x', and u = tanh f(x), u' = tanh f(x')::

        L = L_hash(u) + L_adv(u')

    A subclass says which code the inner attack turns on and what L_adv is. L_hash is the objective that trained the
    model. Batches, banks, the inner attack, schedules and snapshots are kept here.

    Raises:
        OptionError: a value is outside its range.
    """

    epsilon: float | None = None  #: radius of the inner attack in pixel space; none is the dataset's own
    steps: int = 7  #: of the inner attack
    step_size: float | None = None  #: of its sign steps; none is a quarter of epsilon
    random_start: bool = True  #: start it anywhere in the ball, not at the clean image
    inner_train: bool = False  #: attack the model in training mode, with dropout and batch statistics, as released
    epochs: int = 30  #: passes over the train split
    batch_size: int = 32  #: images to a step
    optimizer: Literal["sgd", "adam", "rmsprop"] = "sgd"  #: torch's optimiser of that name
    lr: float = 0.01  #: learning rate at the start
    momentum: float = 0.9  #: of sgd
    weight_decay: float = 5e-4  #: L2 penalty on all parameters
    schedule: Literal["none", "step", "milestones", "cosine"] = "cosine"  #: of the learning rate
    augment: Literal["none", "crop", "flip-crop"] = "none"  #: random crop after padding by 1/8 of the side; and flip

    def __post_init__(self) -> None:
        sizes = {"steps": self.steps, "step_size": self.step_size, "epsilon": self.epsilon}
        for name, size in sizes.items():
            if size is not None and not size > 0:
                raise OptionError(f"{name}={size}", hint="it must be positive")
        _ = self.recipe  # checks the rest

    @property
    def recipe(self) -> Recipe:
        """How it trains."""
        return Recipe(
            optimizer=self.optimizer,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            epochs=self.epochs,
            batch_size=self.batch_size,
            schedule=self.schedule,
            augment=self.augment,
        )

    def hash_objective(self, own: Objective | None) -> Objective | None:
        """What the clean images are held to.

        Args:
            own: the objective that trained the model; None if no objective did.

        Returns:
            Mostly that one. None is no such term.
        """
        return own

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:  # noqa: ARG002 - for subclasses
        """What the method learns beside the network, as :meth:`robusthash.contracts.Objective.head`; mostly nothing."""
        return None

    @abstractmethod
    def codes(self, scene: Scene) -> Tensor:
        """The code that the inner attack turns on, one for each image of the batch; taken without gradient.

        Returns:
            (n, bits) float in {-1, +1}.
        """

    def inner_loss(self, relaxed: Tensor, codes: Tensor) -> Tensor:
        """What the inner attack minimises; away from the code unless a method says otherwise.

        Args:
            relaxed: (n, bits) float, tanh of the logits.
            codes: (n, bits) float, what :meth:`codes` gave.

        Returns:
            (n,) float.
        """
        return (relaxed * codes).mean(1)

    @abstractmethod
    def adversarial_loss(self, crafted: Tensor, scene: Scene) -> Tensor:
        """What is minimised beside the hash loss, once the banks hold the batch's new rows.

        Args:
            crafted: (n, bits) float, tanh of the crafted images' logits.
            scene: as for :meth:`codes`, its banks new.

        Returns:
            A scalar.
        """

    def step(self, clean: ObjectiveStep | None, *, epsilon: float, seed: int = 0) -> AdversarialStep:
        """What is minimised on a batch.

        Args:
            clean: the hash loss of the clean images; None is none.
            epsilon: radius of the inner attack in pixel space.
            seed: of random starts and of the method's draws.
        """
        inner = InnerAttack(
            threat=Threat(epsilon=epsilon),
            steps=self.steps,
            size=epsilon / 4 if self.step_size is None else self.step_size,
            random_start=self.random_start,
            training_mode=self.inner_train,
        )
        return AdversarialStep(self, inner, clean, seed=seed)

    def train(self, model: HashModel, context: DefenseContext) -> tuple[HashModel, TrainingReport]:
        """A hardened copy of a model, and how its training went.

        Args:
            model: trained; it stays as it is.
            context: one that can train.

        Raises:
            CapabilityError: the context cannot train.
            TrainingError: the loss was not finite, or the codes retrieve nothing.
            CheckpointError: the unfinished hardening cannot be read, or is of another model.
        """
        hardened = deepcopy(model).requires_grad_(requires_grad=True)
        objective = self.hash_objective(context.objective)
        clean = ObjectiveStep(objective, seed=context.objective_seed) if objective is not None else None
        epsilon = context.data.epsilon if self.epsilon is None else self.epsilon
        return hardened, context.train(hardened, self.step(clean, epsilon=epsilon, seed=context.seed), self.recipe)
