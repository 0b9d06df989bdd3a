"""Adversarial training of a hash model: every batch is attacked first, and learnt from beside its clean images."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from robusthash.contracts import (
    Defense,
    DefenseContext,
    HashModel,
    Objective,
    Randomness,
    Split,
    Threat,
    TrainStep,
    evaluating,
)
from robusthash.errors import OptionError
from robusthash.hashing import sign
from robusthash.snapshots import SNAPSHOT_SECONDS
from robusthash.training.hardening.descent import descend_by_sign
from robusthash.training.networks.encoding import encode
from robusthash.training.trainer.batches import TrainBatch
from robusthash.training.trainer.fitting import LossStep, optimise
from robusthash.training.trainer.loop import ObjectiveStep
from robusthash.training.trainer.recipe import Recipe
from robusthash.training.trainer.report import TrainingReport
from robusthash.training.trainer.snapshot import prefixed, under


@dataclass(frozen=True, kw_only=True)
class HardeningContext(DefenseContext):
    """What a defense that trains may use.

    Attributes:
        objective: what trained the model; None if no objective did.
        objective_seed: of that training. What an objective has beside the network, such as class centres, is built from
            it again.
        device: where to train; None is where the model is.
        partial: where an unfinished hardening is kept, and taken up again; None keeps nothing.
        partial_seconds: the least time between two snapshots; they are taken between epochs.
    """

    objective: Objective | None = None
    objective_seed: int = 0
    device: torch.device | None = None
    partial: Path | None = None
    partial_seconds: float = SNAPSHOT_SECONDS

    @classmethod
    def of(cls, context: DefenseContext) -> "HardeningContext":
        """The same context; one that knows of no training if it is any other."""
        return context if isinstance(context, cls) else cls(**vars(context))

    def optimise(self, model: HashModel, loss: LossStep, recipe: Recipe) -> TrainingReport:
        """Trains in place, on the train split: :func:`robusthash.training.optimise` with all that the context says."""
        return optimise(
            model,
            loss,
            recipe,
            self.data.train,
            seed=self.seed,
            device=self.device or next((part.device for part in model.parameters()), torch.device("cpu")),
            progress=self.progress,
            partial=self.partial,
            partial_seconds=self.partial_seconds,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Banks:
    """Codes and labels of the whole train split as the model has last seen it, on the training device.

    The two kinds of codes share no memory. A batch's rows of both are written in place, after its images were crafted
    and before its loss is taken.

    Attributes:
        codes: (items, bits) float in {-1, +1}, for codes that represent a label.
        relaxed: (items, bits) float in [-1, 1], tanh of the logits, for losses.
        labels: (items, classes) float in {0, 1}.
    """

    codes: Tensor
    relaxed: Tensor
    labels: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> "Banks":
        """Those of logits (items, bits) and labels (items, classes)."""
        banks = cls(codes=torch.empty_like(logits), relaxed=torch.empty_like(logits), labels=labels.to(logits))
        banks.write(torch.arange(len(logits), device=logits.device), logits)
        return banks

    def write(self, rows: Tensor, logits: Tensor) -> None:
        """Puts new logits (n, bits) of some items, (n,) int64, in the place of the old."""
        self.codes[rows] = sign(logits.detach()).to(self.codes)
        self.relaxed[rows] = torch.tanh(logits.detach())

    @cached_property
    def distinct(self) -> Tensor:
        """Each label vector once, but for that of items without labels: (m, classes)."""
        found: Tensor = torch.unique(self.labels, dim=0)
        return found[found.any(1)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What a method may look at when a batch is attacked, and again when its loss is taken.

    Attributes:
        labels: (n, classes) float in {0, 1}, the batch's.
        banks: of the train split; the batch's rows are new in the loss, and of its last visit before.
        head: what :meth:`AdversarialTraining.head` built; None if that is nothing.
        random: for draws of this training; derive one for each purpose, and draw by ``step.iteration``.
        step: where in the hardening this is.
    """

    labels: Tensor
    banks: Banks
    head: nn.Module | None
    random: Randomness
    step: TrainStep


@dataclass(frozen=True, kw_only=True)
class AdversarialTraining(Defense):
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

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:  # noqa: D102 - as in the base class
        return self.train(model, context)[0]

    def train(self, model: HashModel, context: DefenseContext) -> tuple[HashModel, TrainingReport]:
        """A hardened copy of a model, and what its training says about itself.

        Args:
            model: trained; it stays as it is.
            context: a :class:`HardeningContext`, where the host knows what trained the model; any other will do.

        Raises:
            TrainingError: the loss was not finite, or the codes retrieve nothing.
            CheckpointError: the unfinished hardening cannot be read, or is of another model.
        """
        known = HardeningContext.of(context)
        hardened = deepcopy(model).requires_grad_(requires_grad=True)
        epsilon = known.data.epsilon if self.epsilon is None else self.epsilon
        objective = self.hash_objective(known.objective)
        clean = ObjectiveStep(objective, seed=known.objective_seed) if objective is not None else None
        report = known.optimise(hardened, AdversarialStep(self, clean, epsilon=epsilon, seed=known.seed), self.recipe)
        return hardened, report


class AdversarialStep(LossStep):
    """A method's loss of a batch, of its clean images and of what the inner attack makes of them.

    Args:
        method: codes, inner attack and loss.
        clean: the hash loss of the clean images; None is none.
        epsilon: radius of the inner attack in pixel space.
        seed: of random starts and of the method's draws.
    """

    def __init__(
        self, method: AdversarialTraining, clean: ObjectiveStep | None, *, epsilon: float, seed: int = 0
    ) -> None:
        self.method = method
        self.clean = clean
        self.threat = Threat(epsilon=epsilon)
        self.random = Randomness(seed=seed, purpose="hardening")
        self._seed = seed
        self._head: nn.Module | None = None
        self._banks: Banks | None = None

    @property
    def banks(self) -> Banks:
        """Codes of the train split; there are none before :meth:`start`."""
        assert self._banks is not None, "start comes first"  # noqa: S101 - the trainer's order
        return self._banks

    def identity(self) -> str:  # noqa: D102 - as in the base class
        kind, clean = type(self.method), self.clean.identity() if self.clean else "nothing"
        return f"{kind.__module__}.{self.method!r} within {self.threat.epsilon!r}, seed {self._seed}, beside {clean}"

    def start(self, model: HashModel, split: Split, step: TrainStep, device: torch.device) -> None:  # noqa: D102
        if self.clean is not None:
            self.clean.start(model, split, step, device)
        head = self.method.head(bits=model.bits, classes=split.labels.shape[1], seed=self._seed)
        self._head = head.to(device) if head is not None else None
        self._banks = Banks.of(encode(model, split.images, device=device), split.labels.to(device))

    def parameters(self) -> Iterable[nn.Parameter]:  # noqa: D102
        own = [] if self._head is None else list(self._head.parameters())
        return [*(self.clean.parameters() if self.clean else ()), *own]

    def finish(self, model: HashModel) -> None:  # noqa: D102
        if self.clean is not None:
            self.clean.finish(model)

    def loss(self, model: HashModel, batch: TrainBatch, step: TrainStep) -> Tensor:  # noqa: D102
        scene = Scene(labels=batch.labels, banks=self.banks, head=self._head, random=self.random, step=step)
        crafted = torch.tanh(model(self.crafted(model, batch, scene)))
        logits = model(batch.images)
        self.banks.write(batch.indices, logits)
        adversarial = self.method.adversarial_loss(crafted, scene)
        if self.clean is None:
            return adversarial
        return self.clean.loss(_Hashed(model, logits), batch, step) + adversarial

    def crafted(self, model: HashModel, batch: TrainBatch, scene: Scene) -> Tensor:
        """What the inner attack makes of a batch: (n, 3, h, w) float in the ball and the box, without gradient."""
        method, threat = self.method, self.threat
        with torch.no_grad():
            codes = method.codes(scene)
        start = batch.images
        if method.random_start:
            starts = self.random.derived("start")
            shape = tuple(start.shape[1:])
            start = threat.point(starts.uniform(batch.indices, shape, restart=scene.step.epoch), batch.images)
        with nullcontext() if method.inner_train else evaluating(model):
            return descend_by_sign(
                model,
                batch.images,
                start,
                lambda relaxed: method.inner_loss(relaxed, codes),
                threat,
                steps=method.steps,
                size=threat.epsilon / 4 if method.step_size is None else method.step_size,
            )

    def state(self) -> dict[str, Tensor]:  # noqa: D102
        banks = {"codes": self.banks.codes, "relaxed": self.banks.relaxed}
        clean = prefixed("clean", self.clean.state()) if self.clean else {}
        head = prefixed("head", self._head.state_dict()) if self._head is not None else {}
        return banks | clean | head

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102
        self._banks = Banks(codes=state["codes"], relaxed=state["relaxed"], labels=self.banks.labels)
        if self.clean is not None:
            self.clean.restore(under("clean", dict(state)))
        if self._head is not None:
            self._head.load_state_dict(under("head", dict(state)))


class _Hashed(HashModel):
    """A model that has just hashed the batch that it will be asked for, so that no image goes through twice."""

    def __init__(self, model: HashModel, logits: Tensor) -> None:
        super().__init__()
        self.bits = model.bits
        self.modality = model.modality
        self._logits = logits

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: ARG002 - they have been hashed
        return self._logits
