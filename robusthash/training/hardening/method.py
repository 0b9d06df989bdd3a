"""Adversarial training of a hash model, on the clean and the attacked images of each batch."""

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
    """A defense that trains a model further, on attacked batches.

    With the clean images x, their attacked versions x', and u = tanh f(x), u' = tanh f(x')::

        L = L_hash(u) + L_adv(u')

    A subclass defines the code that the inner attack uses, and L_adv. L_hash is the objective that trained the model.
    Batches, banks, the inner attack, schedules and snapshots are provided here.

    Raises:
        OptionError: a value is outside its range.
    """

    epsilon: float | None = None  #: radius of the inner attack in pixel space; none is the dataset's own
    steps: int = 7  #: sign steps of the inner attack
    step_size: float | None = None  #: of the inner attack, in pixel space; none is a quarter of epsilon
    random_start: bool = True  #: start the inner attack at a random point of the ball, not at the clean image
    inner_train: bool = False  #: attack the model in training mode, with dropout and batch statistics
    epochs: int = 30  #: passes over the train split
    batch_size: int = 32  #: images per step
    optimizer: Literal["sgd", "adam", "rmsprop"] = "sgd"  #: torch's optimiser of that name
    lr: float = 0.01  #: initial learning rate
    momentum: float = 0.9  #: of sgd
    weight_decay: float = 5e-4  #: L2 penalty on all parameters
    schedule: Literal["none", "step", "milestones", "cosine"] = "cosine"  #: of the learning rate
    augment: Literal["none", "crop", "flip-crop"] = "none"  #: random crop after padding by 1/8 of the side; random flip

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
        """The objective of L_hash; by default the one that trained the model.

        Args:
            own: the objective that trained the model; None if no objective did.

        Returns:
            None leaves L_hash out.
        """
        return own

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:  # noqa: ARG002 - for subclasses
        """What the method trains alongside the network; see :meth:`robusthash.contracts.Objective.head`."""
        return None

    @abstractmethod
    def codes(self, scene: Scene) -> Tensor:
        """The code that the inner attack uses for each image of the batch; computed without gradients.

        Returns:
            (n, bits) float in {-1, +1}.
        """

    def inner_loss(self, relaxed: Tensor, codes: Tensor) -> Tensor:
        """What the inner attack minimises; by default it moves away from the code.

        Args:
            relaxed: (n, bits) float, tanh of the logits.
            codes: (n, bits) float, of :meth:`codes`.

        Returns:
            (n,) float.
        """
        return (relaxed * codes).mean(1)

    @abstractmethod
    def adversarial_loss(self, crafted: Tensor, scene: Scene) -> Tensor:
        """L_adv; the batch's rows of the banks are up to date.

        Args:
            crafted: (n, bits) float, tanh of the attacked images' logits.
            scene: as for :meth:`codes`, with updated banks.

        Returns:
            A scalar.
        """

    def step(self, clean: ObjectiveStep | None, *, epsilon: float, seed: int = 0) -> AdversarialStep:
        """The loss of a batch, L_hash + L_adv.

        Args:
            clean: L_hash; None leaves it out.
            epsilon: radius of the inner attack in pixel space.
            seed: of random starts and of the method's random draws.
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
            model: trained; it is not changed.
            context: one that can train.

        Raises:
            CapabilityError: the context cannot train.
            TrainingError: the loss was not finite, or the codes retrieve nothing.
            CheckpointError: the snapshot of the unfinished training cannot be read.
        """
        hardened = deepcopy(model).requires_grad_(requires_grad=True)
        objective = self.hash_objective(context.objective)
        clean = ObjectiveStep(objective, seed=context.objective_seed) if objective is not None else None
        epsilon = context.data.epsilon if self.epsilon is None else self.epsilon
        return hardened, context.train(hardened, self.step(clean, epsilon=epsilon, seed=context.seed), self.recipe)
