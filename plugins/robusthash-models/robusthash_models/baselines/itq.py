"""ITQ, iterative quantization (Gong and Lazebnik, CVPR 2011), the unsupervised version on PCA."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import ClosedForm, HashLayer, Randomness, TrainFeatures
from robusthash.errors import OptionError, UsageError
from robusthash.hashing import sign


@dataclass(frozen=True, kw_only=True)
class ITQ(ClosedForm):
    """Principal components of the features, rotated towards the corners of the cube.

    With V the centred features projected to their first K principal components, it searches the rotation R that
    minimises ``||B - V R||_F^2``, ``B = sgn(V R)`` (eq. 2), from a random one: see :func:`turn`.
    """

    iterations: int = 50  #: updates of the rotation

    def __post_init__(self) -> None:
        if self.iterations < 0:
            raise OptionError(f"iterations={self.iterations}", hint="use at least 0, which keeps the random rotation")

    def project(self, train: TrainFeatures, bits: int, random: Randomness) -> HashLayer:  # noqa: D102
        items, width = train.values.shape
        most = min(width, items - 1)
        if bits > most:
            raise UsageError(
                f"itq cannot make {bits} bits: {items} items of {width} features have {most} principal components",
                hint=f"use at most {most} bits, a wider backbone, or lsh, which has no such bound",
            )
        mean = train.values.mean(0)
        components = principal(train.values - mean, bits)
        projected = (train.values - mean) @ components
        rotation = torch.linalg.qr(torch.from_numpy(random.generator().standard_normal((bits, bits)))).Q
        for _ in range(self.iterations):
            rotation = turn(projected, rotation)
        return HashLayer.centred((components @ rotation).T, mean)


def principal(centred: Tensor, count: int) -> Tensor:
    """The directions of largest variance, as orthonormal columns: (width, count).

    Args:
        centred: (n, width) float, of mean 0.
        count: number of directions.
    """
    vectors: Tensor = torch.linalg.eigh(centred.T @ centred).eigenvectors  # variances ascend
    return vectors[:, -count:].flip(1)


def turn(projected: Tensor, rotation: Tensor) -> Tensor:
    """One iteration (section 3.2): the codes of the current rotation, and the best rotation for these codes.

    With fixed codes it is an orthogonal Procrustes problem: ``B^T V = S Omega S'^T`` gives ``R = S' S^T``. Neither step
    can raise :func:`quantisation_loss`.

    Args:
        projected: (n, bits) float, V.
        rotation: (bits, bits) float, R.
    """
    codes = sign(projected @ rotation)
    left, _, right = torch.linalg.svd(codes.T @ projected)
    best: Tensor = right.T @ left.T
    return best


def quantisation_loss(projected: Tensor, rotation: Tensor) -> float:
    """``||sgn(V R) - V R||_F^2`` (eq. 2).

    Args:
        projected: (n, bits) float, V.
        rotation: (bits, bits) float, R.
    """
    rotated = projected @ rotation
    return float((sign(rotated) - rotated).square().sum())
