"""Hash codes: signs, packed bits and Hamming distances. The sign of zero is +1, everywhere."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

_ROWS = 1 << 16  #: rows whose bits are bytes at once


def sign(logits: Tensor) -> Tensor:
    """Binary code of each logit, in the logits' own dtype, with ``sign(0) = +1``.

    Args:
        logits: (..., bits) float, raw hash-layer output.

    Returns:
        The same shape and dtype, in {-1, +1}. Carries no gradient.

    >>> sign(torch.tensor([-0.5, 0.0, 2.0]))
    tensor([-1.,  1.,  1.])
    """
    one = torch.ones((), dtype=logits.dtype, device=logits.device)
    return torch.where(logits.detach() < 0, -one, one)


def binarise(logits: Tensor) -> Tensor:
    """Hash codes of logits: int8 in {-1, +1}, ``sign(0) = +1``.

    >>> binarise(torch.tensor([[-0.1, 0.0]]))
    tensor([[-1,  1]], dtype=torch.int8)
    """
    return sign(logits).to(torch.int8)


def pack(codes: Tensor) -> Tensor:
    """Packs codes eight bits to the byte, most significant bit first, padded with zero bits.

    Args:
        codes: (n, bits) in {-1, +1}; +1 becomes a set bit.

    Returns:
        (n, ceil(bits / 8)) uint8 on the same device.

    >>> pack(torch.tensor([[1, -1, 1, 1, -1, -1, -1, 1, 1]]))
    tensor([[177, 128]], dtype=torch.uint8)
    """
    packed = torch.empty((len(codes), -(-codes.shape[1] // 8)), dtype=torch.uint8, device=codes.device)
    for rows in _blocks(codes):
        packed[rows] = _octets(codes[rows] > 0)
    return packed


def unpack(packed: Tensor, bits: int) -> Tensor:
    """Inverse of :func:`pack`.

    Args:
        packed: (n, ceil(bits / 8)) uint8.
        bits: code length.

    Returns:
        (n, bits) int8 in {-1, +1}.

    >>> unpack(torch.tensor([[177, 128]], dtype=torch.uint8), 9).tolist()
    [[1, -1, 1, 1, -1, -1, -1, 1, 1]]
    """
    codes = torch.empty((len(packed), bits), dtype=torch.int8, device=packed.device)
    for rows in _blocks(packed):
        codes[rows] = _flags(packed[rows], bits)
    return codes.mul_(2).sub_(1)


def hamming(left: Tensor, right: Tensor) -> Tensor:
    """Hamming distance row by row: ``(K - <a, b>) / 2``.

    Args:
        left: (n, bits) in {-1, +1}.
        right: (n, bits) in {-1, +1}, or (1, bits).

    Returns:
        (n,) int64.

    >>> hamming(torch.tensor([[1, 1, -1]]), torch.tensor([[1, -1, 1]]))
    tensor([2])
    """
    return ((left > 0) != (right > 0)).sum(1)


def words(packed: Tensor) -> np.ndarray:
    """Packed codes as machine words, for popcounts: (n, ceil(bytes / 8)) uint64, zero padded; not copied if they fit.

    >>> words(torch.tensor([[255, 0]], dtype=torch.uint8)).shape
    (1, 1)
    """
    octets = packed.cpu().numpy()
    if octets.shape[1] % 8 == 0 and octets.flags.c_contiguous and octets.size:
        return octets.view(np.uint64)
    padded = np.zeros((octets.shape[0], -(-octets.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : octets.shape[1]] = octets
    return padded.view(np.uint64)


def _blocks(rows: Tensor) -> Iterator[slice]:
    """Parts of some rows, so that what is between codes and packed codes stays small however many they are."""
    return (slice(start, start + _ROWS) for start in range(0, len(rows), _ROWS))


def _octets(flags: Tensor) -> Tensor:
    """Bits in bytes, the first one highest: (n, bits) bool to (n, ceil(bits / 8)) uint8."""
    if flags.device.type == "cpu":
        return torch.from_numpy(np.packbits(flags.numpy(), axis=1))
    padded = torch.nn.functional.pad(flags.to(torch.uint8), (0, -flags.shape[1] % 8))
    return (padded.view(len(flags), -1, 8) << _shifts(flags.device)).sum(2, dtype=torch.uint8)


def _flags(packed: Tensor, bits: int) -> Tensor:
    """The inverse: (n, ceil(bits / 8)) uint8 to (n, bits), 0 or 1."""
    if packed.device.type == "cpu":
        return torch.from_numpy(np.unpackbits(packed.numpy(), axis=1, count=bits))
    return ((packed.unsqueeze(2) >> _shifts(packed.device)) & 1).flatten(1)[:, :bits]


def _shifts(device: torch.device) -> Tensor:
    return torch.tensor([7, 6, 5, 4, 3, 2, 1, 0], dtype=torch.uint8, device=device)
