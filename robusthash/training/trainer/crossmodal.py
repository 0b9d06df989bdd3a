"""Training with a cross-modal objective: the towers' code banks, what was known before, and the head."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from robusthash.boundary import inherit
from robusthash.contracts import (
    CrossModalHashModel,
    CrossModalObjective,
    LossStep,
    PairedBatch,
    Randomness,
    Split,
    TowerBatch,
    TrainBatch,
    TrainStep,
    seeded,
    towers_of,
)
from robusthash.errors import UsageError
from robusthash.files.tensors import prefixed, under
from robusthash.training.networks import Inside, LayeredModel, batch_parts, encode
from robusthash.training.trainer.objective import head_for, relaxed_by, share_label


class CrossModalStep(LossStep[CrossModalHashModel]):
    """A cross-modal objective's loss, with the code banks, the head and the knowledge that it asks for.

    A bank holds the detached relaxed codes of the whole train split by one tower. It is initialised by encoding the
    split, as for :class:`~robusthash.training.ObjectiveStep`. Both towers see every batch, and their rows are updated
    before its loss is computed.

    Args:
        objective: the loss.
        seed: of the training; the head is a function of it.
    """

    def __init__(self, objective: CrossModalObjective, *, seed: int = 0) -> None:
        self.objective = objective
        self.seed = seed
        self._head: nn.Module | None = None
        self._banks: dict[str, Tensor] = {}
        self._start: dict[str, Tensor] = {}
        self._labels = torch.empty(0)
        self._epoch = 0
        inherit(self, objective)

    def identity(self) -> str:  # noqa: D102 - as in the base class
        kind = type(self.objective)
        return f"{kind.__module__}.{self.objective!r}"

    def reads(self, modality: str) -> bool:  # noqa: ARG002, D102
        return False  # a loss over codes

    def shareable(self, model: CrossModalHashModel) -> Iterable[nn.Module]:  # noqa: D102
        return batch_parts(model)

    def start(  # noqa: D102
        self, model: CrossModalHashModel, split: Split, step: TrainStep, device: torch.device
    ) -> None:
        objective, towers = self.objective, _layered(model)
        self._head = head_for(objective, model.space.size, split, seed=self.seed, device=device)
        self._labels = split.labels.to(device).float()
        step = replace(step, head=self._head)
        if objective.guided:
            self._start = {
                name: encode(Inside(tower, tower.before), split.view(name), device=device)
                for name, tower in towers.items()
            }
            with seeded(Randomness(seed=self.seed, purpose="prepared head")):
                objective.prepare(self._start, self._labels, step)
        if objective.banked:
            self._banks = {
                name: objective.relax(encode(tower, split.view(name), device=device), step).detach()
                for name, tower in towers.items()
            }
        # A resumed training is refreshed too: this gives the head's buffers the shapes that restore() fills.
        self._refresh(step)

    def parameters(self) -> Iterable[nn.Parameter]:  # noqa: D102
        return [] if self._head is None else [p for p in self._head.parameters() if p.requires_grad]

    def loss(self, model: CrossModalHashModel, batch: TrainBatch, step: TrainStep) -> Tensor:  # noqa: D102
        if step.epoch != self._epoch:
            self._refresh(step)
        step = replace(step, head=self._head, indices=batch.indices)
        towers = {name: self._seen(name, tower, batch, step) for name, tower in _layered(model).items()}
        others = self._labels if self.objective.banked else batch.labels
        similar = share_label(batch.labels, others)
        return self.objective.loss(PairedBatch(towers=towers, labels=batch.labels, similar=similar), step)

    def state(self) -> dict[str, Tensor]:  # noqa: D102
        banks = prefixed("banks", self._banks)
        return banks | (prefixed("head", self._head.state_dict()) if self._head is not None else {})

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102
        self._banks = under("banks", state)
        if self._head is not None:
            self._head.load_state_dict(under("head", state))

    def _seen(self, name: str, tower: LayeredModel, batch: TrainBatch, step: TrainStep) -> TowerBatch:
        stages = tower.stages(batch.views[name])
        logits = tower.hash_layer(stages[-1])
        relaxed = relaxed_by(self.objective, logits, step)
        if self.objective.banked:
            self._banks[name][batch.indices] = relaxed.detach()
        return TowerBatch(
            relaxed=relaxed,
            features=stages[-1],
            bank=self._banks.get(name, torch.empty(0)),
            start=self._start[name][batch.indices] if self.objective.guided else torch.empty(0),
            stages=stages,
        )

    def _refresh(self, step: TrainStep) -> None:
        self._epoch = step.epoch
        if self.objective.banked:
            self.objective.refresh(self._banks, self._labels, replace(step, head=self._head))


def _layered(model: CrossModalHashModel) -> dict[str, LayeredModel]:
    towers = towers_of(model)
    found = {name: tower for name, tower in towers.items() if isinstance(tower, LayeredModel)}
    if len(found) < len(towers):
        raise UsageError(
            f"a cross-modal objective trains towers in layers, not {', '.join(sorted(set(towers) - set(found)))}",
            hint="build them by robusthash.training.build_towers",
        )
    return found
