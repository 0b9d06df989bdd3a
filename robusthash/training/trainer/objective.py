"""Training with an objective: its code bank, pairs, similarities and head."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from robusthash.boundary import breach, inherit
from robusthash.contracts import (
    CrossModalObjective,
    HashModel,
    LossStep,
    Objective,
    Pairs,
    Randomness,
    Split,
    TrainBatch,
    TrainStep,
    seeded,
)
from robusthash.files.tensors import prefixed, under
from robusthash.training.networks import batch_parts, encode, fold_batch_norm, put_batch_norm


class ObjectiveStep(LossStep[HashModel]):
    """An objective's loss, with the code bank, the head and the batch normalisation that it asks for.

    The bank holds the detached relaxed codes of the whole train split. It is initialised by encoding the split: a bank
    of zeros says "dissimilar" to nine pairs of ten, and collapses small training sets. A batch's rows are updated
    before its loss is computed. The head is refreshed from the bank before the first batch of each epoch.

    Args:
        objective: the loss.
        seed: of the training; the head is a function of it.
    """

    def __init__(self, objective: Objective, *, seed: int = 0) -> None:
        self.objective = objective
        self.seed = seed
        self._head: nn.Module | None = None
        self._codes = torch.empty(0)
        self._labels = torch.empty(0)
        self._epoch = 0
        inherit(self, objective)

    @property
    def _banked(self) -> bool:
        return self.objective.pairing == "bank" or self.objective.refreshed

    def identity(self) -> str:  # noqa: D102 - as in the base class
        kind = type(self.objective)
        return f"{kind.__module__}.{self.objective!r}"

    def reads(self, modality: str) -> bool:  # noqa: ARG002, D102
        return False  # a loss over codes

    def shareable(self, model: HashModel) -> Iterable[nn.Module]:  # noqa: D102
        return batch_parts(model)

    def start(self, model: HashModel, split: Split, step: TrainStep, device: torch.device) -> None:  # noqa: D102
        self._head = head_for(self.objective, model.space.size, split, seed=self.seed, device=device)
        if self.objective.batch_norm:
            put_batch_norm(model)
        if self._banked:
            self._labels = split.labels.to(device).float()
            logits = encode(model, split.images, device=device)
            self._codes = self.objective.relax(logits, replace(step, head=self._head)).detach()
        # A resumed training is refreshed too: this gives the head's buffers the shapes that restore() fills.
        self._refresh(step)

    def fill(self, codes: Tensor) -> None:
        """Replaces the first codes of the bank, if there is one; after :meth:`start`.

        Args:
            codes: (items, bits) float, on the device.
        """
        if self._banked:
            self._codes = codes.clone()

    def parameters(self) -> Iterable[nn.Parameter]:  # noqa: D102
        return [] if self._head is None else [p for p in self._head.parameters() if p.requires_grad]

    def finish(self, model: HashModel) -> None:  # noqa: D102
        if self.objective.batch_norm:
            fold_batch_norm(model)

    def loss(self, model: HashModel, batch: TrainBatch, step: TrainStep) -> Tensor:  # noqa: D102
        if step.epoch != self._epoch:
            self._refresh(step)
        step = replace(step, head=self._head, indices=batch.indices)
        logits = model(batch.images)
        relaxed = relaxed_by(self.objective, logits, step)
        return self.objective.loss(relaxed, batch.labels, self._pairs(relaxed, batch), step)

    def state(self) -> dict[str, Tensor]:  # noqa: D102
        bank = {"bank": self._codes} if self._banked else {}
        return bank | (prefixed("head", self._head.state_dict()) if self._head is not None else {})

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102
        if self._banked:
            self._codes = state["bank"]
        if self._head is not None:
            self._head.load_state_dict(under("head", dict(state)))

    def _refresh(self, step: TrainStep) -> None:
        self._epoch = step.epoch
        if self.objective.refreshed:
            self.objective.refresh(self._codes, self._labels, replace(step, head=self._head))

    def _pairs(self, relaxed: Tensor, batch: TrainBatch) -> Pairs:
        if self._banked:
            self._codes[batch.indices] = relaxed.detach()
        if self.objective.pairing == "batch":
            return Pairs(codes=relaxed, similar=share_label(batch.labels, batch.labels))
        return Pairs(codes=self._codes, similar=share_label(batch.labels, self._labels))


def head_for(
    objective: Objective | CrossModalObjective, bits: int, split: Split, *, seed: int, device: torch.device
) -> nn.Module | None:
    """What an objective trains alongside a model, on the device; None if there is nothing.

    A head should be a pure function of its arguments; one that draws from torch's global state repeats as well.

    Args:
        objective: whose head it is.
        bits: code length.
        split: the train split, for its number of classes.
        seed: of the training.
        device: where to train.

    Raises:
        ContractError: it is no module.
    """
    with seeded(Randomness(seed=seed, purpose="head")):
        head = objective.head(bits=bits, classes=split.labels.shape[1], seed=seed)
    if head is not None and not isinstance(head, nn.Module):
        raise breach(objective, f"has a head that is a {type(head).__name__}", hint="return a module or None")
    return head.to(device) if head is not None else None


def relaxed_by(objective: Objective | CrossModalObjective, logits: Tensor, step: TrainStep) -> Tensor:
    """The codes that an objective relaxes logits (n, bits) to: the same shape.

    Raises:
        ContractError: they are no tensor of that shape.
    """
    relaxed = objective.relax(logits, step)
    if not isinstance(relaxed, Tensor) or relaxed.shape != logits.shape:
        told = tuple(relaxed.shape) if isinstance(relaxed, Tensor) else type(relaxed).__name__
        raise breach(objective, f"relaxed {tuple(logits.shape)} logits to {told}", hint="keep their shape")
    return relaxed


def share_label(left: Tensor, right: Tensor) -> Tensor:
    """Similarity of items by their labels: 1 where two items share a label.

    Args:
        left: (n, classes) float, multi-hot.
        right: (m, classes) float, multi-hot.

    Returns:
        (n, m) float in {0, 1}.

    >>> share_label(torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 0.]])
    """
    return (left @ right.T > 0).to(left.dtype)
