"""The loss of one batch in adversarial training: attack the batch, update the banks, add the losses."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cache, partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from robusthash.boundary import inherit
from robusthash.contracts import (
    CrossModalHashModel,
    HashModel,
    LossStep,
    Randomness,
    Recipe,
    Split,
    TrainBatch,
    TrainStep,
    evaluating,
    towers_of,
)
from robusthash.files.tensors import prefixed, under
from robusthash.training.hardening.banks import Banks, Scene
from robusthash.training.hardening.first_codes import Banking, first_logits
from robusthash.training.hardening.inner_attack import InnerAttack
from robusthash.training.hardening.outputs import Outputs, divergence
from robusthash.training.networks import batch_parts
from robusthash.training.trainer import CrossModalStep, ObjectiveStep

_Model = HashModel | CrossModalHashModel
_NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Method(Protocol):
    """What a step needs from a method, such as :class:`~robusthash.training.AdversarialTraining`."""

    @property
    def recipe(self) -> Recipe:
        """How it trains."""

    @property
    def banking(self) -> Banking:
        """How the banks begin and are kept."""

    @property
    def banked(self) -> bool:
        """Whether scenes have banks."""

    @property
    def distils(self) -> bool:
        """Whether scenes have a teacher."""

    @property
    def consistency(self) -> float:
        """Weight of the divergence of the attacked codes from the clean ones."""

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:
        """What it trains or keeps alongside the model."""

    def prepare(self, head: nn.Module | None, banks: Banks) -> None:
        """Fills the head from the codes of the train split."""

    def share(self, scene: Scene) -> float:
        """How much of the radius and of the steps the inner attack has."""

    def codes(self, scene: Scene) -> Tensor:
        """The codes that the inner attack uses."""

    def inner_loss(self, crafted: Outputs, codes: Tensor) -> Tensor:
        """What the inner attack minimises."""

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        """L_adv."""

    def clean_loss(self, clean: Outputs, scene: Scene) -> Tensor | None:
        """L_hash, where no objective is."""


class AdversarialStep(LossStep[Any]):
    """A method's loss of a batch: of the clean inputs, and of the attacked ones, for each tower of a model.

    Towers share the banks, in which each has the rows of the whole train split: what represents a label is made of
    the codes of all towers, because each searches the others' items. A method that is not banked has none.

    A method that distils has a teacher: a frozen copy of the model as it was given.

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
        self.labelled = clean is not None or not method.distils  # a student is as good as its teacher
        self._seed = seed
        self._head: nn.Module | None = None
        self._banks: Banks | None = None
        self._first: dict[str, int] = {}
        self._teacher: dict[str, HashModel] = {}
        inherit(self, method)

    @property
    def banks(self) -> Banks:
        """Codes of the train split, by every tower in turn; there after :meth:`start`, if the method is banked."""
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
        if self.method.distils:  # before a loss adds anything to the model, which is as it came, resumed or not
            frozen = deepcopy(model).requires_grad_(requires_grad=False).eval()
            self._teacher = towers_of(frozen)
        if isinstance(self.clean, ObjectiveStep) and isinstance(model, HashModel):
            self.clean.start(model, split, step, device)
        if isinstance(self.clean, CrossModalStep) and isinstance(model, CrossModalHashModel):
            self.clean.start(model, split, step, device)
        head = self.method.head(bits=model.space.size, classes=split.labels.shape[1], seed=self._seed)
        self._head = head.to(device) if head is not None else None
        towers = towers_of(model)
        self._first = {name: place * len(split) for place, name in enumerate(towers)}
        if self.method.banked:
            if len(towers) > 1:
                _keep_statistics(model)
            self._banks = self._first_banks(towers, split, device)
            self.method.prepare(self._head, self._banks)

    def _first_banks(self, towers: Mapping[str, HashModel], split: Split, device: torch.device) -> Banks:
        banking, recipe = self.method.banking, self.method.recipe
        logits = [
            first_logits(tower, split, banking, recipe, seed=self._seed, device=device) for tower in towers.values()
        ]
        labels = split.labels.to(device).repeat(len(towers), 1)
        banks = Banks.of(torch.cat(logits), labels, shared=banking.shared)
        if banking.shared and isinstance(self.clean, ObjectiveStep):
            self.clean.fill(banks.codes)
        return banks

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
        scenes = {name: self._scene(tower, batch, step) for name, tower in towers.items()}
        # Every tower is attacked before the banks, which they share, are updated.
        crafted = {
            name: Outputs.of(tower, self.crafted(tower, batch, scenes[name]))
            for name, tower in towers.items()
            if name in self.inners
        }
        for name, tower in towers.items():
            # Also where no loss reads it: a pass in training mode moves the running means of batch normalisation to
            # those of clean inputs, and draws dropout's numbers.
            clean = self._seen(tower, batch.views[name])
            if self.method.banked:
                self.banks.write(scenes[name].rows, clean.logits)
            scenes[name] = replace(scenes[name], look=partial(_known, clean))
        losses = [loss for name, found in crafted.items() for loss in self._attacked(found, scenes[name])]
        return torch.stack([*self._clean(model, batch, step, scenes), *losses]).sum()

    def _scene(self, tower: HashModel, batch: TrainBatch, step: TrainStep) -> Scene:
        name = tower.modality.name
        inputs, teacher = batch.views[name], self._teacher.get(name)
        made: dict[str, Callable[[], Any]] = {"recall": lambda: self.banks} if self.method.banked else {}
        if teacher is not None:
            made["study"] = cache(partial(_at_rest, teacher, inputs))
        return Scene(
            labels=batch.labels,
            head=self._head,
            random=self.random,
            step=step,
            rows=batch.indices + self._first[name],
            modality=name,
            look=partial(_at_rest, tower, inputs),
            **made,
        )

    def _seen(self, tower: HashModel, inputs: Tensor) -> Outputs:
        """Outputs of clean inputs; beside a cross-modal objective, which computes its own, without gradient."""
        return _at_rest(tower, inputs) if isinstance(self.clean, CrossModalStep) else Outputs.of(tower, inputs)

    def _attacked(self, crafted: Outputs, scene: Scene) -> Iterable[Tensor]:
        yield self.method.adversarial_loss(crafted, scene)
        if self.method.consistency:
            yield self.method.consistency * divergence(scene.clean.logits, crafted.logits).mean()

    def _clean(self, model: _Model, batch: TrainBatch, step: TrainStep, scenes: Mapping[str, Scene]) -> list[Tensor]:
        if isinstance(self.clean, CrossModalStep) and isinstance(model, CrossModalHashModel):
            return [self.clean.loss(model, batch, step)]
        if isinstance(self.clean, ObjectiveStep) and isinstance(model, HashModel):
            known = scenes[model.modality.name].clean.logits
            return [self.clean.loss(_Hashed(model, known), batch, step)]
        found = (self.method.clean_loss(scene.clean, scene) for scene in scenes.values())
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
        return inner.craft(model, batch, lambda found: self.method.inner_loss(found, codes), random, epoch)

    def state(self) -> dict[str, Tensor]:  # noqa: D102
        banks = self._banks.state() if self._banks is not None else {}
        clean = prefixed("clean", self.clean.state()) if self.clean else {}
        head = prefixed("head", self._head.state_dict()) if self._head is not None else {}
        return banks | clean | head

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102
        if self._banks is not None:
            self._banks = self._banks.restored(state)
        if self.clean is not None:
            self.clean.restore(under("clean", dict(state)))
        if self._head is not None:
            self._head.load_state_dict(under("head", dict(state)))


def _at_rest(tower: HashModel, inputs: Tensor) -> Outputs:
    with evaluating(tower), torch.no_grad():
        return Outputs.of(tower, inputs)


def _known(outputs: Outputs) -> Outputs:
    return outputs


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
