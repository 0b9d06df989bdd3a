"""How far what would be delivered now is from an aim, in the space that it is searched in."""

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from robusthash.contracts import Space
from robusthash.hashing import hamming
from robusthash.specs import Distance


def distance_to(aim: Tensor, outputs: Tensor, space: Space) -> Tensor:
    """The distance of outputs to their aims; what an attack is judged by, step by step.

    Args:
        aim: (n, size) float; in Hamming space its signs are the code to reach.
        outputs: (n, size) float, the model's.
        space: where they are compared.

    Returns:
        (n,), without gradient: bits, int64, in Hamming space; else float, in the distance's own units.

    >>> distance_to(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.3, 0.0]]), Space.hamming(2))
    tensor([1])
    """
    found = outputs.detach()
    match space.distance:
        case Distance.HAMMING:
            return hamming(found >= 0, aim >= 0)
        case Distance.COSINE:
            return 1 - cosine_similarity(found, aim, dim=1)
        case Distance.L2:
            norm: Tensor = torch.linalg.vector_norm(found - aim, dim=1)
            return norm


def farthest(space: Space, like: Tensor) -> Tensor:
    """What no distance reaches: (n,) for n inputs, of the type of :func:`distance_to`."""
    if space.binary:
        return torch.full((len(like),), space.size + 1, device=like.device)
    return torch.full((len(like),), torch.inf, device=like.device)
