"""Hash codes: signs, packed bits and Hamming distances. The sign of zero is +1, everywhere."""

import numpy as np
import torch
from torch import Tensor


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
    bits = (codes > 0).to(torch.uint8)
    padding = -bits.shape[1] % 8
    octets = torch.nn.functional.pad(bits, (0, padding)).view(len(bits), -(-bits.shape[1] // 8), 8)
    weights = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8, device=codes.device)
    return (octets * weights).sum(2, dtype=torch.uint8)


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
    shifts = torch.tensor([7, 6, 5, 4, 3, 2, 1, 0], dtype=torch.uint8, device=packed.device)
    flat = ((packed.unsqueeze(2) >> shifts) & 1).flatten(1)[:, :bits]
    return (flat.to(torch.int8) * 2 - 1).contiguous()


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
    """Packed codes as machine words, for popcounts: (n, ceil(bytes / 8)) uint64, zero padded.

    >>> words(torch.tensor([[255, 0]], dtype=torch.uint8)).shape
    (1, 1)
    """
    octets = packed.cpu().numpy()
    padded = np.zeros((octets.shape[0], -(-octets.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : octets.shape[1]] = octets
    return padded.view(np.uint64)
