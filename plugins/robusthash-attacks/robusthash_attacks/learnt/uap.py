"""A universal adversarial perturbation: one for all queries (Li et al., ICCV 2019, on retrieval)."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from robusthash.contracts import Modality, Threat
from robusthash_attacks.learnt.universal import Universal


@dataclass(frozen=True, kw_only=True)
class UAP(Universal):
    """Adds the same perturbation ``v`` to every query: ``x' = clip(x + v)``, with ``v`` within the radius."""

    def shape(self, modality: Modality) -> tuple[int, ...]:  # noqa: D102 - as in the base class
        return modality.shape

    def limits(self, threat: Threat) -> tuple[float, float]:  # noqa: D102 - as in the base class
        return -threat.radius, threat.radius

    def apply(self, clean: Tensor, patterns: Tensor, threat: Threat, drawn: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return threat.project(clean + patterns, clean)
