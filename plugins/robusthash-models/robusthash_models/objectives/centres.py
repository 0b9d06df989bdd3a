"""Binary class centres: codes of classes that are far apart, and the codes of sets of labels."""

import torch
from torch import Tensor, nn

from robusthash.contracts import Randomness
from robusthash.errors import UsageError

DRAWS = 20  #: largest number of draws of random centres until they are far apart


class Centres(nn.Module):
    """A code for each class, and a code that breaks ties between the labels of an item.

    Args:
        codes: (classes, bits) float in {-1, +1}.
        ties: (bits,) float in {-1, +1}.
    """

    codes: Tensor
    ties: Tensor

    def __init__(self, codes: Tensor, ties: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("ties", ties)

    def forward(self, labels: Tensor) -> Tensor:
        """Each item's centre: the bitwise majority of its labels' codes; ``ties`` gives the bits of a tie.

        Args:
            labels: (n, classes) float, multi-hot.

        Returns:
            (n, bits) float in {-1, +1}.
        """
        votes = labels.to(self.codes.dtype) @ self.codes
        return torch.where(votes == 0, self.ties, votes.sign()).to(labels.dtype)


def spread_centres(*, bits: int, classes: int, seed: int) -> Centres:
    """Centres that are far apart: Hadamard rows if there are enough, otherwise random codes.

    If K is a power of two and 2K >= C they are the first C rows of ``[H; -H]``, at a distance of K / 2 or K from each
    other. Otherwise they are random codes with half of their bits -1, drawn up to 20 times until the least distance is
    above K / 4 and the mean at least K / 2; failing that, the draw with the largest least distance is used.

    Args:
        bits: code length K.
        classes: C.
        seed: of the training.

    Raises:
        UsageError: there are too few codes for the classes.
    """
    if bits & (bits - 1) == 0 and classes <= 2 * bits:
        hadamard = _hadamard(bits)
        codes = torch.cat([hadamard, -hadamard])[:classes]
    else:
        codes = _far_apart(bits, classes, seed)
    return Centres(codes, _coins(1, bits, seed, "ties")[0])


def random_centres(*, bits: int, classes: int, seed: int, balanced: bool) -> Centres:
    """Random centres, whatever their distances.

    Args:
        bits: code length K.
        classes: C.
        seed: of the training.
        balanced: half of the bits of each centre are -1; otherwise each bit is drawn with equal chance.
    """
    codes = _balanced(bits, classes, seed, 0) if balanced else _coins(classes, bits, seed, "centres")
    return Centres(codes, _coins(1, bits, seed, "ties")[0])


def distances(codes: Tensor) -> tuple[int, float]:
    """Least and mean Hamming distance between the rows of (classes, bits) codes in {-1, +1}.

    >>> distances(torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]))
    (1, 1.3333333333333333)
    """
    classes, bits = codes.shape
    if classes < 2:
        return bits, float(bits)
    apart = (bits - codes @ codes.T) / 2
    others = ~torch.eye(classes, dtype=torch.bool)
    return int(apart[others].min()), float(apart[others].double().mean())


def _hadamard(size: int) -> Tensor:
    """Sylvester's matrix: (size, size) in {-1, +1}, with orthogonal rows; size is a power of two."""
    matrix = torch.ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix


def _far_apart(bits: int, classes: int, seed: int) -> Tensor:
    best, nearest = _balanced(bits, classes, seed, 0), -1
    for draw in range(DRAWS):
        codes = _balanced(bits, classes, seed, draw)
        least, mean = distances(codes)
        if least > bits / 4 and mean >= bits / 2:
            return codes
        if least > nearest:
            best, nearest = codes, least
    if nearest == 0:
        raise UsageError(
            f"no {classes} different centres of {bits} bits were found", hint="use more bits, or other centres"
        )
    return best


def _balanced(bits: int, classes: int, seed: int, draw: int) -> Tensor:
    keys = Randomness(seed=seed, purpose="centres").uniform(torch.arange(classes), (bits,), restart=draw)
    ranks = keys.argsort(dim=1, stable=True).argsort(dim=1)
    return torch.where(ranks < bits // 2, -1.0, 1.0)


def _coins(rows: int, bits: int, seed: int, purpose: str) -> Tensor:
    draws = Randomness(seed=seed, purpose=purpose).uniform(torch.arange(rows), (bits,))
    return torch.where(draws < 0.5, -1.0, 1.0)
