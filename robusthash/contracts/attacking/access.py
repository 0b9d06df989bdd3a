"""What an attack works with: the surrogate, the code bank, the victim's service, and a count of what it spends."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.boundary import told
from robusthash.contracts.models.model import HashModel, checked_outputs
from robusthash.contracts.retriever import Index
from robusthash.errors import CapabilityError, ContractError, UsageError
from robusthash.specs import Precision

_COMPILER = ("torch._dynamo", "torch._inductor")  #: modules whose errors come from compilation


@dataclass(kw_only=True)
class Budget:
    """What an attack has spent.

    Attributes:
        forward: inputs passed through the surrogate.
        backward: inputs whose gradient was taken.
        queries: inputs sent to the victim's service.
    """

    forward: int = 0
    backward: int = 0
    queries: int = 0


@dataclass(frozen=True, kw_only=True)
class CodeBank:
    """Codes and labels of the train split, as the surrogate hashes it; on the queries' device.

    Attributes:
        codes: (n, bits) int8 in {-1, +1}; for a model without bits its descriptors, (n, d) float32.
        labels: (n, classes) uint8, multi-hot.
    """

    codes: Tensor
    labels: Tensor


class Surrogate:
    """The model that an attack is crafted on; every pass through it is counted.

    Args:
        model: in evaluation mode, with frozen parameters.
        budget: where passes are counted.
        run: a compiled form of the model; None is the model itself.
        precision: of its passes.

    Attributes:
        space: where its outputs are compared.
        modality: shape and box of its inputs.
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
        r"""Logits of a batch, differentiable in the inputs if they require gradients.

        A single input is passed twice: for a batch of one, libraries use matrix-vector kernels, whose rounding differs
        from that of every larger batch, and sign steps amplify the difference. So a query's outcome does not depend on
        whether it is the last one left. Both passes are counted.

        Args:
            inputs: (n, \*modality.shape) float, in the modality's box.

        Returns:
            (n, bits) float; without bits, descriptors (n, d).

        Raises:
            CapabilityError: the inputs require gradients, and the model gives none.
            ContractError: the inputs have another shape, or the model returned something other than logits.
            UsageError: the model cannot be compiled.
        """
        if tuple(inputs.shape[1:]) != self.modality.shape:
            raise ContractError(
                f"the attack passed inputs of shape {tuple(inputs.shape)} to the surrogate",
                hint=f"it takes (n, {', '.join(map(str, self.modality.shape))})",
            )
        images = never_alone(inputs).clone()  # a model may change its inputs in place
        self.budget.forward += len(images)
        if self._half:
            with torch.autocast(images.device.type, dtype=torch.bfloat16):
                logits = self._outputs(images).float()
        else:
            logits = self._outputs(images)
        if inputs.requires_grad and torch.is_grad_enabled() and not logits.requires_grad:
            raise CapabilityError(
                f"{type(self.model).__name__} gives no gradients, and the attack needs them",
                hint="craft it on another surrogate, or use an attack without the need 'gradients'",
            )
        if logits.requires_grad:
            logits.register_hook(self._count_backward)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        return logits[: len(inputs)]

    def _outputs(self, images: Tensor) -> Tensor:
        try:
            return checked_outputs(self.model, images, self._run(images), size=self.space.size)
        except Exception as error:
            if self._run is not self.model and type(error).__module__.startswith(_COMPILER):
                raise UsageError(f"the model cannot be compiled here: {told(error)}", hint="omit --compile") from error
            raise

    def _count_backward(self, gradient: Tensor) -> None:
        self.budget.backward += len(gradient)


class Oracle:
    """The victim as a service: it answers inputs with codes or ids, and counts every query.

    Inputs are rounded to the levels of their box, as they would be by an upload.

    Args:
        model: the victim, in evaluation mode.
        index: of the database that it searches.
        budget: where queries are counted.

    Attributes:
        space: where its outputs are compared.
        size: number of items in the database.
    """

    def __init__(self, model: HashModel, index: Index, budget: Budget) -> None:
        self._model = model
        self._index = index
        self._budget = budget
        self.space = model.space
        self.size = index.size

    def codes(self, inputs: Tensor) -> Tensor:
        r"""Hash codes of inputs.

        Args:
            inputs: (n, \*modality.shape) float.

        Returns:
            (n, bits) int8 in {-1, +1}.

        Raises:
            ContractError: the victim has no bits.
        """
        return self._model.codes(self._delivered(inputs))[: len(inputs)]

    def neighbours(self, inputs: Tensor, k: int) -> Tensor:
        r"""The nearest database items of inputs.

        Args:
            inputs: (n, \*modality.shape) float.
            k: at least 1; capped at the size of the database.

        Returns:
            (n, k) int64 ids, nearest first, on the CPU; -1 after the last one that an index returns which may return
            fewer.
        """
        found = self._model.represent(self._delivered(inputs))[: len(inputs)]
        return self._index.search(found.cpu(), min(k, self.size)).ids

    def _delivered(self, inputs: Tensor) -> Tensor:
        self._budget.queries += len(inputs)
        return never_alone(self._model.modality.box.nearest(inputs.detach()))


def never_alone(inputs: Tensor) -> Tensor:
    """The inputs, with a single one repeated: (2, ...) for n = 1, else (n, ...)."""
    return inputs if len(inputs) != 1 else inputs.expand(2, *inputs.shape[1:])
