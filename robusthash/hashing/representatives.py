"""Codes that stand for a set of codes."""

import torch
from torch import Tensor


def vote(codes: Tensor) -> Tensor:
    """Component-wise majority of several codes, the anchor code of DHTA (Bai et al., ECCV 2020, eq. 8).

    It has the smallest summed Hamming distance to the set, bit by bit. A tie goes to +1. A row of zeros is an absent
    voter.

    Args:
        codes: (n, voters, bits) in {-1, 0, +1}.

    Returns:
        (n, bits) int8 in {-1, +1}.

    >>> vote(torch.tensor([[[1, 1, -1], [1, -1, -1], [-1, 1, 1]]]))
    tensor([[ 1,  1, -1]], dtype=torch.int8)
    """
    total = codes.sum(1, dtype=torch.int64)
    return torch.where(total < 0, -1, 1).to(torch.int8)
