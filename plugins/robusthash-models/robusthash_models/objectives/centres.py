"""Binary class centres: a code for each class, far from the others, and a code for each set of labels."""

import torch
from torch import Tensor, nn

from robusthash.contracts import Randomness
from robusthash.errors import UsageError

DRAWS = 20  #: times that random centres are drawn anew until they are far apart


class Centres(nn.Module):
    """A code for each class, and what decides the bits of an item whose labels disagree.

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
        """Each item's centre: the majority of its labels' codes, a tie decided by ``ties``, always the same way.

        Args:
            labels: (n, classes) float, multi-hot.

        Returns:
            (n, bits) float in {-1, +1}.
        """
        votes = labels.to(self.codes.dtype) @ self.codes
        return torch.where(votes == 0, self.ties, votes.sign()).to(labels.dtype)


def spread_centres(*, bits: int, classes: int, seed: int) -> Centres:
    """Centres as far apart as can be had: Hadamard rows where they suffice, else random codes drawn until far apart.

    Where K is a power of two and 2K >= C they are the first C rows of ``[H; -H]``, at distance K / 2 or K of each
    other. Elsewhere half the bits of each are -1, drawn anew (20 times at most) until the least distance is above K / 4
    and the mean at least K / 2; if that does not come, the draw with the largest least distance is taken.

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
    """Centres as drawn, however near each other.

    Args:
        bits: code length K.
        classes: C.
        seed: of the training.
        balanced: whether half the bits of each are -1, or each bit is a fair coin.
    """
    codes = _balanced(bits, classes, seed, 0) if balanced else _coins(classes, bits, seed, "centres")
    return Centres(codes, _coins(1, bits, seed, "ties")[0])


def distances(codes: Tensor) -> tuple[int, float]:
    """Least and mean Hamming distance between different rows of (classes, bits) codes in {-1, +1}.

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
    """Sylvester's: (size, size) in {-1, +1}, with orthogonal rows; size is a power of two."""
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
            f"{classes} classes do not get different centres of {bits} bits", hint="ask for more bits, or other centres"
        )
    return best


def _balanced(bits: int, classes: int, seed: int, draw: int) -> Tensor:
    keys = Randomness(seed=seed, purpose="centres").uniform(torch.arange(classes), (bits,), restart=draw)
    ranks = keys.argsort(dim=1, stable=True).argsort(dim=1)
    return torch.where(ranks < bits // 2, -1.0, 1.0)


def _coins(rows: int, bits: int, seed: int, purpose: str) -> Tensor:
    draws = Randomness(seed=seed, purpose=purpose).uniform(torch.arange(rows), (bits,))
    return torch.where(draws < 0.5, -1.0, 1.0)
