"""What an attack has to work with: the surrogate, the code bank, the victim's service; and a count of what it spent."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from robusthash.contracts.models.model import HashModel
from robusthash.contracts.retriever import Index
from robusthash.errors import CapabilityError


@dataclass(kw_only=True)
class Budget:
    """What an attack has spent: passes of single inputs, and queries to the victim's service."""

    forward: int = 0
    backward: int = 0
    queries: int = 0


@dataclass(frozen=True, kw_only=True)
class CodeBank:
    """Codes and labels of the train split, as the surrogate sees it; on the queries' device.

    Attributes:
        codes: (n, bits) int8 in {-1, +1}; descriptors, (n, d) float32, of a model that gives those.
        labels: (n, classes) uint8.
    """

    codes: Tensor
    labels: Tensor


class Precision(StrEnum):
    """In what an attack's passes are computed. What is scored is always float32."""

    FLOAT32 = "float32"
    BF16 = "bf16"  #: faster on a GPU; near-zero bits can flip


class Surrogate:
    """The model that an attack is crafted on: every pass through it is counted.

    Args:
        model: in evaluation mode, its parameters frozen.
        budget: the counter.
        run: a compiled form of the model; None is the model itself.
        precision: of its passes.
    """

    def __init__(
        self,
        model: HashModel,
        budget: Budget,
        *,
        run: Callable[[Tensor], Tensor] | None = None,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self.model = model
        self.budget = budget
        self._run = model if run is None else run
        self._half = precision is Precision.BF16
        self.space = model.space
        self.modality = model.modality

    def __call__(self, inputs: Tensor) -> Tensor:
        """Logits (n, bits); differentiable in the inputs if they require gradients.

        A single input goes through twice: for a batch of one, libraries take matrix-vector kernels, whose rounding is
        not that of any larger batch, and sign steps make much of it. So a query's outcome does not depend on whether it
        was the last one left. Both passes are counted.

        Raises:
            CapabilityError: gradients are asked for, and the model gives none.
        """
        images = never_alone(inputs)
        self.budget.forward += len(images)
        if self._half:
            with torch.autocast(images.device.type, dtype=torch.bfloat16):
                logits = self._run(images).float()
        else:
            logits = self._run(images)
        if inputs.requires_grad and torch.is_grad_enabled() and not logits.requires_grad:
            raise CapabilityError(
                f"{type(self.model).__name__} gives no gradients, and the attack needs them",
                hint="craft it on another surrogate, or use an attack without the need 'gradients'",
            )
        if logits.requires_grad:
            logits.register_hook(self._count_backward)
        return logits[: len(inputs)]

    def _count_backward(self, gradient: Tensor) -> None:
        self.budget.backward += len(gradient)


class Oracle:
    """The victim as a service: delivered inputs go in, codes or ids come out, and every query is counted.

    Args:
        model: the victim, in evaluation mode.
        index: of the database that it searches.
        budget: the counter.
    """

    def __init__(self, model: HashModel, index: Index, budget: Budget) -> None:
        self._model = model
        self._index = index
        self._budget = budget
        self.space = model.space
        self.size = index.size

    def codes(self, inputs: Tensor) -> Tensor:
        """Hash codes (n, bits) int8 of inputs, rounded to what can be delivered: an upload has 8 bits.

        Raises:
            ContractError: the victim gives continuous descriptors.
        """
        return self._model.codes(self._delivered(inputs))[: len(inputs)]

    def neighbours(self, inputs: Tensor, k: int) -> Tensor:
        """Ids (n, k) int64 of the nearest database items, nearest first; on the CPU."""
        found = self._model.represent(self._delivered(inputs))[: len(inputs)]
        return self._index.search(found.cpu(), min(k, self.size)).ids

    def _delivered(self, inputs: Tensor) -> Tensor:
        self._budget.queries += len(inputs)
        return never_alone(self._model.modality.box.nearest(inputs.detach()))


def never_alone(inputs: Tensor) -> Tensor:
    """The same inputs, a single one twice: (n, ...) for n > 1, (2, ...) for n = 1."""
    return inputs if len(inputs) != 1 else inputs.expand(2, *inputs.shape[1:])
