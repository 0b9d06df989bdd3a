"""A backbone's features, searched as they are: what image retrieval does where nobody hashes."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.functional import normalize

from robusthash.contracts import Descriptor
from robusthash.specs import Distance


@dataclass(frozen=True, kw_only=True)
class Features(Descriptor):
    """Features of unit norm, compared by their cosine; nothing is trained.

    What they are worth is what the backbone's weights are worth: ``--weights default``, or a safetensors file.
    """

    metric: Literal["cosine", "l2"] = "cosine"  #: how descriptors are compared
    unit_norm: bool = True  #: divide each by its Euclidean norm; cosine and L2 then rank alike

    @property
    def distance(self) -> Distance:  # noqa: D102 - as in the base class
        return Distance(self.metric)

    def describe(self, features: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return normalize(features, dim=1) if self.unit_norm else features
