"""Stand-ins for surrogates that are not at hand: what a file tells of the model that an attack was fitted on."""

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from robusthash.contracts import Box, CodeBank, HashModel, Modality, Space
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.fitted import load_fitted
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.fitting import Fitting, InputKind
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Database, System
from robusthash.evaluation.victims.victim import Victim


class AbsentModel(HashModel):
    """A model of which only the description is known: it has a space and a modality, and cannot be passed through.

    Args:
        fitted: the file that describes it.
    """

    def __init__(self, fitted: FittedAttack) -> None:
        super().__init__()
        surrogate = fitted.fitting.surrogate
        self._fitted = fitted
        self._space = Space(distance=surrogate.distance, size=surrogate.size)
        self.bits = surrogate.bits
        self.modality = modality_of(fitted.fitting.inputs)

    @property
    def space(self) -> Space:
        """As described."""
        return self._space

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: ARG002 - as in the base class
        """Refuses.

        Raises:
            CapabilityError: always.
        """
        raise missing(self._fitted, "passes inputs through")


class AbsentSystem(System):
    """The surrogate of a fitted attack, known by its description and its code bank.

    Args:
        fitted: the file that describes it.
        resources: the dataset and the plugins.
    """

    def __init__(self, fitted: FittedAttack, resources: Resources) -> None:
        fitting, model = fitted.fitting, AbsentModel(fitted).eval()
        self.victim = Victim(
            model=model, use=fitting.surrogate, defense=fitting.defense, origin=f"described by {fitted.path}"
        )
        self.direction, self.resources = fitting.direction, resources
        self.query_model = self.item_model = model
        self._fitted = fitted

    @cached_property
    def bank(self) -> CodeBank:
        """Codes and labels of the train split that it was fitted with; on the device."""
        bank, device = load_fitted(self._fitted.path).bank, self.resources.device
        return CodeBank(codes=bank.codes.to(device), labels=bank.labels.to(device))

    @cached_property
    def database(self) -> Database:
        """Refuses.

        Raises:
            CapabilityError: always.
        """
        raise missing(self._fitted, "needs codes of database items from")

    @cached_property
    def compiled(self) -> Callable[[Tensor], Tensor] | None:
        """None: there is nothing to compile."""
        return None


def modality_of(inputs: InputKind) -> Modality:
    """The modality that a description tells of."""
    return Modality(
        name=inputs.modality,
        shape=inputs.shape,
        box=Box(low=inputs.low, high=inputs.high, levels=inputs.levels),
    )


def kind_of(modality: Modality) -> InputKind:
    """Inverse of :func:`modality_of`."""
    box = modality.box
    return InputKind(modality=modality.name, shape=tuple(modality.shape), low=box.low, high=box.high, levels=box.levels)


def missing(fitted: FittedAttack, needs: str) -> CapabilityError:
    """The error of an attack that needs its surrogate.

    Args:
        fitted: the attack.
        needs: what it needs, before "the model".
    """
    fitting: Fitting = fitted.fitting
    return CapabilityError(
        f"attack {fitted.name!r} {needs} the model that it was fitted on, {fitting.model_name} "
        f"{fitting.surrogate.digest[:12]}, which is not at hand",
        hint="name that model with --surrogate",
    )
