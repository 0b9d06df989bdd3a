"""Random projections (Charikar, STOC 2002): locality-sensitive hashing for the angle between features."""

from dataclasses import dataclass

import torch

from robusthash.contracts import ClosedForm, HashLayer, Randomness, TrainFeatures


@dataclass(frozen=True, kw_only=True)
class LSH(ClosedForm):
    """Each bit is a side of a random hyperplane through the features' mean: ``sgn(w . (x - m))``, ``w ~ N(0, I)``.

    Two items differ in a bit with probability ``angle / pi`` (Charikar, section 3), so the Hamming distance estimates
    the angle between their centred features. Locality-sensitive families are due to Indyk and Motwani (STOC 1998).
    """

    def project(self, train: TrainFeatures, bits: int, random: Randomness) -> HashLayer:  # noqa: D102
        width = train.values.shape[1]
        weight = torch.from_numpy(random.generator().standard_normal((bits, width)))
        return HashLayer.centred(weight, train.values.mean(0))
