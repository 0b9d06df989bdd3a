"""Stand-ins for what an attack is handed, which note what it does with them."""

import random as python_random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import AttackContext, Budget, HashModel, Oracle, Randomness, Space
from robusthash.hashing import binarise


@dataclass(frozen=True, kw_only=True)
class RecordedRandomness(Randomness):
    """Randomness that records its draws."""

    draws: list[str] = field(default_factory=list)

    def uniform(self, ids: Tensor, shape: tuple[int, ...], *, restart: int = 0) -> Tensor:
        """As in the base class."""
        self.draws.append("uniform")
        return super().uniform(ids, shape, restart=restart)

    def generator(self, *path: int) -> np.random.Generator:
        """As in the base class."""
        self.draws.append("generator")
        return super().generator(*path)


class WatchedOracle(Oracle):
    """A service that counts its queries, and knows when it is answering one."""

    def __init__(self, service: Oracle) -> None:
        self._service = service
        self.space, self.size = service.space, service.size
        self.images = 0
        self.answering = False

    def codes(self, inputs: Tensor) -> Tensor:
        """As in the base class."""
        with self._answer(inputs):
            return self._service.codes(inputs)

    def neighbours(self, inputs: Tensor, k: int) -> Tensor:
        """As in the base class."""
        with self._answer(inputs):
            return self._service.neighbours(inputs, k)

    @contextmanager
    def _answer(self, inputs: Tensor) -> Iterator[None]:
        self.images += len(inputs)
        self.answering = True
        yield
        self.answering = False


class NoGradients(HashModel):
    """A black box: the codes of another model, or its descriptors without their gradients."""

    def __init__(self, model: HashModel) -> None:
        super().__init__()
        self.model = model
        self.bits, self.modality = model.bits, model.modality

    @property
    def space(self) -> Space:
        """That of the other model."""
        return self.model.space

    def forward(self, inputs: Tensor) -> Tensor:
        """The signs as floats, or the descriptors."""
        with torch.no_grad():
            outputs: Tensor = self.model(inputs)
            return binarise(outputs).float() if self.space.binary else outputs


def watched(context: AttackContext) -> WatchedOracle | None:
    """The context's service, watched; None if it has none."""
    return None if context.oracle is None else WatchedOracle(context.oracle)


@contextmanager
def passes_through(model: HashModel, service: WatchedOracle | None = None) -> Iterator[Budget]:
    """Counts what really passes through a model, forwards and backwards, but for what a service asks of it."""
    seen = Budget()

    def backward(gradient: Tensor) -> None:
        seen.backward += len(gradient)

    def forward(_module: torch.nn.Module, inputs: tuple[Tensor], logits: Tensor) -> None:
        if service is None or not service.answering:
            seen.forward += len(inputs[0])
        if logits.requires_grad:
            logits.register_hook(backward)  # type: ignore[no-untyped-call]  # torch leaves it unannotated

    handle = model.register_forward_hook(forward)
    try:
        yield seen
    finally:
        handle.remove()


def difference(later: Budget, earlier: Budget) -> Budget:
    """What was spent in between."""
    return replace(
        later,
        forward=later.forward - earlier.forward,
        backward=later.backward - earlier.backward,
        queries=later.queries - earlier.queries,
    )


def global_randomness() -> tuple[object, ...]:
    """The state of the global generators of torch, numpy and Python."""
    legacy = np.random.get_state()  # noqa: NPY002 - what must not be drawn from
    return torch.get_rng_state().numpy().tobytes(), str(legacy), python_random.getstate()
