"""The loss of one batch in adversarial training: attack the batch, update the banks, add the losses."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from robusthash.boundary import inherit
from robusthash.contracts import (
    CrossModalHashModel,
    HashModel,
    LossStep,
    Randomness,
    Split,
    TrainBatch,
    TrainStep,
    evaluating,
    towers_of,
)
from robusthash.files.tensors import prefixed, under
from robusthash.training.hardening.banks import Banks, Scene
from robusthash.training.hardening.inner_attack import InnerAttack
from robusthash.training.networks import batch_parts, encode
from robusthash.training.trainer import CrossModalStep, ObjectiveStep

_Model = HashModel | CrossModalHashModel
_NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Method(Protocol):
    """What a step needs from a method, such as :class:`~robusthash.training.AdversarialTraining`."""

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:
        """What it trains or keeps alongside the model."""

    def prepare(self, head: nn.Module | None, banks: Banks) -> None:
        """Fills the head from the codes of the train split."""

    def share(self, scene: Scene) -> float:
        """How much of the radius and of the steps the inner attack has."""

    def codes(self, scene: Scene) -> Tensor:
        """The codes that the inner attack uses."""

    def inner_loss(self, relaxed: Tensor, codes: Tensor) -> Tensor:
        """What the inner attack minimises."""

    def adversarial_loss(self, crafted: Tensor, scene: Scene) -> Tensor:
        """L_adv."""

    def clean_loss(self, relaxed: Tensor, scene: Scene) -> Tensor | None:
        """L_hash, where no objective is."""


class AdversarialStep(LossStep[Any]):
    """A method's loss of a batch: of the clean inputs, and of the attacked ones, for each tower of a model.

    Towers share the banks, in which each has the rows of the whole train split: what represents a label is made of
    the codes of all towers, because each searches the others' items.

    Where there are several towers, batch normalisation keeps its statistics: attacked batches would shift them.

    Args:
        method: codes and losses.
        inners: the inner attack of each tower that is attacked, by modality.
        clean: the hash loss of the clean inputs; None leaves it to the method.
        seed: of random starts and of the method's random draws.
    """

    def __init__(
        self,
        method: Method,
        inners: Mapping[str, InnerAttack],
        clean: ObjectiveStep | CrossModalStep | None,
        *,
        seed: int = 0,
    ) -> None:
        self.method = method
        self.inners = dict(inners)
        self.clean = clean
        self.random = Randomness(seed=seed, purpose="hardening")
        self._seed = seed
        self._head: nn.Module | None = None
        self._banks: Banks | None = None
        self._first: dict[str, int] = {}
        inherit(self, method)

    @property
    def banks(self) -> Banks:
        """Codes of the train split, by every tower in turn; available after :meth:`start`."""
        assert self._banks is not None, "start comes first"  # noqa: S101 - the trainer's order
        return self._banks

    def identity(self) -> str:  # noqa: D102 - as in the base class
        kind, clean = type(self.method), self.clean.identity() if self.clean else "nothing"
        return f"{kind.__module__}.{self.method!r} with {self.inners!r}, seed {self._seed}, beside {clean}"

    def reads(self, modality: str) -> bool:  # noqa: D102
        return modality in self.inners  # what is attacked

    def shareable(self, model: _Model) -> Iterable[nn.Module]:  # noqa: D102
        return batch_parts(model)

    def start(self, model: _Model, split: Split, step: TrainStep, device: torch.device) -> None:  # noqa: D102
        if isinstance(self.clean, ObjectiveStep) and isinstance(model, HashModel):
            self.clean.start(model, split, step, device)
        if isinstance(self.clean, CrossModalStep) and isinstance(model, CrossModalHashModel):
            self.clean.start(model, split, step, device)
        head = self.method.head(bits=model.space.size, classes=split.labels.shape[1], seed=self._seed)
        self._head = head.to(device) if head is not None else None
        towers = towers_of(model)
        self._first = {name: place * len(split) for place, name in enumerate(towers)}
        logits = [encode(tower, split.view(name), device=device) for name, tower in towers.items()]
        self._banks = Banks.of(torch.cat(logits), split.labels.to(device).repeat(len(towers), 1))
        self.method.prepare(self._head, self._banks)

    def parameters(self) -> Iterable[nn.Parameter]:  # noqa: D102
        own = [] if self._head is None else list(self._head.parameters())
        return [*(self.clean.parameters() if self.clean else ()), *own]

    def finish(self, model: _Model) -> None:  # noqa: D102
        if isinstance(self.clean, ObjectiveStep) and isinstance(model, HashModel):
            self.clean.finish(model)

    def loss(self, model: _Model, batch: TrainBatch, step: TrainStep) -> Tensor:  # noqa: D102
        towers = towers_of(model)
        if len(towers) > 1:
            _keep_statistics(model)
        scenes = {
            name: Scene(
                labels=batch.labels,
                banks=self.banks,
                head=self._head,
                random=self.random,
                step=step,
                rows=batch.indices + self._first[name],
                modality=name,
            )
            for name in towers
        }
        # Every tower is attacked before the banks, which they share, are updated.
        crafted = {
            name: torch.tanh(tower(self.crafted(tower, batch, scenes[name])))
            for name, tower in towers.items()
            if name in self.inners
        }
        logits = {name: self._logits(tower, batch.views[name]) for name, tower in towers.items()}
        for name, scene in scenes.items():
            self.banks.write(scene.rows, logits[name])
        losses = [self.method.adversarial_loss(found, scenes[name]) for name, found in crafted.items()]
        return torch.stack([*self._clean(model, batch, step, logits, scenes), *losses]).sum()

    def _logits(self, tower: HashModel, inputs: Tensor) -> Tensor:
        """Logits of clean inputs; beside a cross-modal objective, which computes its own, without gradient."""
        if not isinstance(self.clean, CrossModalStep):
            found: Tensor = tower(inputs)
            return found
        with evaluating(tower), torch.no_grad():
            known: Tensor = tower(inputs)
        return known

    def _clean(
        self,
        model: _Model,
        batch: TrainBatch,
        step: TrainStep,
        logits: Mapping[str, Tensor],
        scenes: Mapping[str, Scene],
    ) -> list[Tensor]:
        if isinstance(self.clean, CrossModalStep) and isinstance(model, CrossModalHashModel):
            return [self.clean.loss(model, batch, step)]
        if isinstance(self.clean, ObjectiveStep) and isinstance(model, HashModel):
            return [self.clean.loss(_Hashed(model, logits[model.modality.name]), batch, step)]
        found = (self.method.clean_loss(torch.tanh(logits[name]), scene) for name, scene in scenes.items())
        return [loss for loss in found if loss is not None]

    def crafted(self, model: HashModel, batch: TrainBatch, scene: Scene) -> Tensor:
        """The attacked inputs of a batch: (n, ...) float in the ball and the box, without gradient.

        Args:
            model: a tower that is attacked.
            batch: the clean inputs.
            scene: of this tower.
        """
        with torch.no_grad():
            codes = self.method.codes(scene)
        random, epoch = self.random.derived("start"), scene.step.epoch
        inner = self.inners[model.modality.name].weaker(self.method.share(scene))
        return inner.craft(model, batch, lambda relaxed: self.method.inner_loss(relaxed, codes), random, epoch)

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


def _keep_statistics(model: nn.Module) -> None:
    """Batch normalisation in evaluation mode; the trainer sets the mode again before each epoch."""
    for part in model.modules():
        if isinstance(part, _NORMALISATIONS):
            part.eval()


class _Hashed(HashModel):
    """A model with the known logits of a batch, so that no image is passed through twice."""

    def __init__(self, model: HashModel, logits: Tensor) -> None:
        super().__init__()
        self.bits = model.bits
        self.modality = model.modality
        self._logits = logits

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: ARG002 - their logits are known
        return self._logits
