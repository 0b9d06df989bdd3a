"""The votes of a model over Gaussian noise on queries. The host draws the noise, never the model that is certified."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from robusthash.boundary import foreign
from robusthash.contracts import (
    HashModel,
    Inputs,
    Progress,
    Randomness,
    checked_outputs,
    evaluating,
    read_inputs,
    represented,
)

_CHUNK = 128  #: noisy copies in one pass; fixed, as a pass's shape may change low-order bits


def count_votes(
    base: HashModel,
    queries: Inputs,
    ids: Sequence[int],
    *,
    sigma: float,
    samples: int,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> npt.NDArray[np.int64]:
    """How often each bit of noisy copies of the queries is +1.

    The noise of a query depends on the seed and its id alone.

    Args:
        base: what votes, on the device.
        queries: the inputs.
        ids: positions of the queries in the dataset's query split.
        sigma: standard deviation of the noise.
        samples: noisy copies of each query.
        seed: of the noise.
        device: where to compute.
        progress: called with (done, total, what).

    Returns:
        (queries, bits) int64.

    Raises:
        ContractError: an output of the model is NaN or infinite, which is no vote.
    """
    random = Randomness(seed=seed, purpose="certify")
    space, shape = base.space, base.modality.shape
    counts = np.zeros((len(ids), space.size), np.int64)
    with evaluating(base), torch.inference_mode():
        for row, query in enumerate(ids):
            clean = read_inputs(queries, [row]).to(device)
            draws = random.generator(query)
            for start in range(0, samples, _CHUNK):
                copies = min(_CHUNK, samples - start)
                noise = torch.from_numpy(draws.standard_normal((copies, *shape), dtype=np.float32)).to(device)
                noisy = clean + sigma * noise
                with foreign(base, f"hash {copies} noisy copies of a query"):
                    logits = base(noisy)
                codes = space.codes(represented(base, checked_outputs(base, noisy, logits, size=space.size)))
                counts[row] += (codes > 0).sum(0).cpu().numpy()
            progress(row + 1, len(ids), "certifying")
    return counts
