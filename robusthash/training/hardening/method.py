"""Adversarial training of a hash model, on the clean and the attacked images of each batch."""

from abc import abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from robusthash.contracts import (
    IMAGE,
    CrossModalHashModel,
    CrossModalObjective,
    DefenseContext,
    HashModel,
    Modality,
    Norm,
    Objective,
    Threat,
    TrainingReport,
    towers_of,
)
from robusthash.epsilon import Radius
from robusthash.errors import OptionError
from robusthash.training.hardening.banks import Banks, Scene
from robusthash.training.hardening.first_codes import Banking
from robusthash.training.hardening.further import FurtherTraining
from robusthash.training.hardening.inner_attack import InnerAttack
from robusthash.training.hardening.outputs import Outputs
from robusthash.training.hardening.step import AdversarialStep
from robusthash.training.trainer import CrossModalStep, ObjectiveStep


@dataclass(frozen=True, kw_only=True)
class AdversarialTraining(FurtherTraining):
    """A defense that trains a model further, on attacked batches.

    With the clean images x, their attacked versions x', and u = tanh f(x), u' = tanh f(x')::

        L = L_hash(u) + L_adv(u') + consistency D(u, u')

    where D is the :func:`~robusthash.training.divergence` of the attacked codes from the clean ones.

    A model with several towers is attacked on each of them, or on one; its L_hash is over all.

    A subclass defines the code that the inner attack uses, and L_adv. L_hash is the objective that trained the model.
    Batches, banks, the inner attack, schedules and snapshots are provided here.

    Attributes:
        banked: whether it needs ``scene.banks``, codes of the whole train split; else none are computed.
        distils: whether it needs ``scene.taught``, the outputs of a teacher: a frozen copy of the model as it came.
        needs_start: whether its inner attack needs a random start, since its loss has no slope at the clean input.

    Raises:
        OptionError: a value is outside its range.
    """

    banked: ClassVar[bool] = True
    distils: ClassVar[bool] = False
    needs_start: ClassVar[bool] = False

    epsilon: float | None = None  #: radius of the inner attack in pixel space; none is the dataset's own
    norm: Norm = Norm.LINF  #: of the inner attack's radius: linf or l2
    ramp: float = 0.0  #: share of the epochs in which the radius grows from 0; 0 is the whole radius at once
    attacked: Literal["all", "image", "text"] = "all"  #: of a model's towers, those whose inputs are attacked
    text_epsilon: float | None = None  #: radius for texts, a share of the box's width; none is that for images
    edits: int | None = None  #: attack texts by so many edits of tags, not within a radius
    steps: int = 7  #: of the inner attack, along the gradient's sign, or in L2 along the gradient
    step_size: float | None = None  #: of the inner attack, in pixel space; none is a quarter of epsilon
    random_start: bool = True  #: start the inner attack at a random point of the ball, not at the clean image
    inner_train: bool = False  #: attack the model in training mode, with dropout and batch statistics
    consistency: float = 0.0  #: weight of the divergence of the attacked codes from the clean ones, as in TRADES

    def __post_init__(self) -> None:
        sizes = {
            "steps": self.steps,
            "step_size": self.step_size,
            "epsilon": self.epsilon,
            "text_epsilon": self.text_epsilon,
            "edits": self.edits,
        }
        for name, size in sizes.items():
            if size is not None and not size > 0:
                raise OptionError(f"{name}={size}", hint="it must be positive")
        if self.norm.counts:
            raise OptionError(f"norm={self.norm}", hint="linf or l2; to edit texts, set edits")
        if not 0 <= self.ramp <= 1:
            raise OptionError(f"ramp={self.ramp}", hint="it must be from 0 to 1")
        if not self.consistency >= 0:
            raise OptionError(f"consistency={self.consistency}", hint="it must not be negative")
        if self.needs_start and (not self.random_start or self.edits is not None):
            raise OptionError(
                f"random_start={self.random_start}, edits={self.edits}",
                hint="at a clean input the inner attack has no slope: it starts at a random point of a ball",
            )
        super().__post_init__()

    @property
    def banking(self) -> Banking:
        """How the banks of codes begin and are kept; by default two, of a model in evaluation mode."""
        return Banking()

    def hash_objective(self, own: Objective | None) -> Objective | None:
        """The objective of L_hash; by default the one that trained the model.

        Args:
            own: the objective that trained the model; None if no objective did.

        Returns:
            None leaves L_hash out.
        """
        return own

    def cross_objective(self, own: CrossModalObjective | None) -> CrossModalObjective | None:
        """The objective of L_hash of a model with several towers, as :meth:`hash_objective` for one."""
        return own

    def clean_loss(self, clean: Outputs, scene: Scene) -> Tensor | None:  # noqa: ARG002 - for subclasses
        """L_hash of one tower, where no objective is used; by default there is none.

        Args:
            clean: outputs of the clean inputs.
            scene: as for :meth:`adversarial_loss`.
        """
        return None

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:  # noqa: ARG002 - for subclasses
        """What the method trains alongside the network; see :meth:`robusthash.contracts.Objective.head`."""
        return None

    def prepare(self, head: nn.Module | None, banks: Banks) -> None:
        """Fills what :meth:`head` returned from the codes of the train split, before the first batch.

        It is called if the method is ``banked``.
        """

    def share(self, scene: Scene) -> float:
        """How much of the radius and of the steps the inner attack has on a batch: in (0, 1], both rounded up.

        By default it grows in equal steps during the first epochs, as ``ramp`` says, and is 1 from then on.
        """
        return min(1.0, (scene.step.epoch + 1) / max(1.0, self.ramp * scene.step.epochs))

    @abstractmethod
    def codes(self, scene: Scene) -> Tensor:
        """The code that the inner attack uses for each image of the batch; computed without gradients.

        Returns:
            (n, bits) float in {-1, +1}; or, for an :meth:`inner_loss` of the method's own, what that compares outputs
            with, such as ``scene.clean.logits``.
        """

    def inner_loss(self, crafted: Outputs, codes: Tensor) -> Tensor:
        """What the inner attack minimises; by default it moves away from the code.

        Args:
            crafted: outputs of the attacked inputs.
            codes: of :meth:`codes`.

        Returns:
            (n,) float.
        """
        return (crafted.relaxed * codes).mean(1)

    @abstractmethod
    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        """L_adv.

        Args:
            crafted: outputs of the attacked inputs.
            scene: as for :meth:`codes`; the batch's rows of the banks are up to date.

        Returns:
            A scalar.
        """

    def step(
        self,
        clean: ObjectiveStep | CrossModalStep | None,
        *,
        epsilon: float,
        modalities: Mapping[str, Modality] | None = None,
        seed: int = 0,
    ) -> AdversarialStep:
        """The loss of a batch, L_hash + L_adv.

        Args:
            clean: L_hash; None leaves it to :meth:`clean_loss`.
            epsilon: radius of the inner attack, in its norm, on images, and on others unless options differ.
            modalities: of the items' views that are attacked; None is images.
            seed: of random starts and of the method's random draws.

        Raises:
            CapabilityError: texts are to be edited, and people do not edit such inputs.
        """
        wanted = {IMAGE: None} if modalities is None else modalities
        inners = {name: self._inner(modality, epsilon) for name, modality in wanted.items()}
        return AdversarialStep(self, inners, clean, seed=seed)

    def _inner(self, modality: Modality | None, epsilon: float) -> InnerAttack:
        radius = Radius(size=epsilon, norm=self.norm)
        if modality is not None and modality.name != IMAGE:
            radius = radius if self.text_epsilon is None else Radius(size=self.text_epsilon, norm=self.norm)
            if self.edits is not None:
                radius = Radius(size=self.edits, norm=Norm.TAGS)
        threat = Threat(epsilon=epsilon, norm=self.norm) if modality is None else Threat.on(modality, radius)
        return InnerAttack(
            threat=threat,
            steps=self.steps,
            size=threat.radius / 4 if self.step_size is None else self.step_size * threat.box.width,
            random_start=self.random_start,
            training_mode=self.inner_train,
        )

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
        own = context.objective if isinstance(context.objective, Objective) else None
        objective = self.hash_objective(own)
        clean = ObjectiveStep(objective, seed=context.objective_seed) if objective is not None else None
        step = self.step(clean, epsilon=self._epsilon(context), seed=context.seed)
        return hardened, context.train(hardened, step, self.recipe)

    def train_towers(
        self, model: CrossModalHashModel, context: DefenseContext
    ) -> tuple[CrossModalHashModel, TrainingReport]:
        """The same for a model with several towers; all learn from every batch, whichever are attacked.

        Raises:
            CapabilityError: the context cannot train, there is no such tower, or texts are to be edited that people do
                not edit.
            TrainingError: the loss was not finite, or the codes retrieve nothing.
            CheckpointError: the snapshot of the unfinished training cannot be read.
        """
        hardened = deepcopy(model).requires_grad_(requires_grad=True)
        own = context.objective if isinstance(context.objective, CrossModalObjective) else None
        objective = self.cross_objective(own)
        clean = CrossModalStep(objective, seed=context.objective_seed) if objective is not None else None
        names = list(towers_of(model)) if self.attacked == "all" else [model.tower(self.attacked).modality.name]
        modalities = {name: context.data.train.view(name).modality for name in names}
        step = self.step(clean, epsilon=self._epsilon(context), modalities=modalities, seed=context.seed)
        return hardened, context.train(hardened, step, self.recipe)

    def _epsilon(self, context: DefenseContext) -> float:
        if self.epsilon is not None:
            return self.epsilon
        usual = context.data.epsilon if self.norm is Norm.LINF else context.data.epsilon_l2
        if usual is None:
            raise OptionError(
                f"dataset {context.data.name} has no radius of its own in {self.norm}", hint="set epsilon"
            )
        return usual
