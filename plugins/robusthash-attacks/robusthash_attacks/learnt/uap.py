"""A universal adversarial perturbation: one for all queries (Li et al., ICCV 2019, on retrieval)."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from robusthash.contracts import Modality, Threat
from robusthash.specs import Norm
from robusthash_attacks.learnt.universal import Universal

_PARTS = 4  #: of a length, if it is spent on all elements alike: the most that one element takes


@dataclass(frozen=True, kw_only=True)
class UAP(Universal):
    """Adds the same perturbation ``v`` to every query: ``x' = clip(x + v)``, with ``v`` within the radius.

    In L2, what is added to a query is the nearest change within its own ball and box.
    """

    def shape(self, modality: Modality) -> tuple[int, ...]:  # noqa: D102 - as in the base class
        return modality.shape

    @property
    def norms(self) -> frozenset[Norm]:
        """L-infinity and L2."""
        return frozenset({Norm.LINF, Norm.L2})

    def limits(self, threat: Threat, elements: int) -> tuple[float, float]:
        """In L-infinity the radius; in L2 four times an element's part of it, since a search needs some limit."""
        most = threat.radius if threat.norm is Norm.LINF else _PARTS * threat.even(elements)
        return -most, most

    def apply(self, clean: Tensor, patterns: Tensor, threat: Threat, drawn: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return threat.project(clean + patterns, clean)
