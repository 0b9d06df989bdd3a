"""Distances between outputs and aims, in the space of the model."""

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from robusthash.contracts import Space
from robusthash.hashing import hamming
from robusthash.specs import Distance


def distance_to(aim: Tensor, outputs: Tensor, space: Space) -> Tensor:
    """The distance between each output and its aim, by which iterates are compared.

    Args:
        aim: (n, size) float; in Hamming space its signs are the code to reach.
        outputs: (n, size) float, logits or descriptors.
        space: where they are compared.

    Returns:
        (n,), without gradient: int64 bits in Hamming space, else float cosine or L2 distance.

    >>> distance_to(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.3, 0.0]]), Space.hamming(2))
    tensor([1])
    """
    found = outputs.detach()
    match space.distance:
        case Distance.HAMMING:
            return hamming(found >= 0, aim >= 0)
        case Distance.COSINE:
            # At the aim itself rounding may put the cosine above 1.
            return (1 - cosine_similarity(found, aim, dim=1)).clamp_min(0)
        case Distance.L2:
            norm: Tensor = torch.linalg.vector_norm(found - aim, dim=1)
            return norm
