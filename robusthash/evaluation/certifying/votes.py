"""The votes of a model over Gaussian noise on queries. The host draws the noise, never the model that is certified."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from robusthash.boundary import foreign
from robusthash.contracts import Inputs, Progress, Randomness, SmoothedModel, checked_outputs, evaluating, read_inputs
from robusthash.hashing import sign

_CHUNK = 128  #: noisy copies in one pass; fixed, as a pass's shape may change low-order bits


def count_votes(
    model: SmoothedModel,
    queries: Inputs,
    ids: Sequence[int],
    *,
    samples: int,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> npt.NDArray[np.int64]:
    """How often each bit of noisy copies of the queries is +1.

    The noise of a query depends on the seed and its id alone.

    Args:
        model: in evaluation mode, on the device; its wrapped model votes.
        queries: the inputs.
        ids: positions of the queries in the dataset's query split.
        samples: noisy copies of each query.
        seed: of the noise.
        device: where to compute.
        progress: called with (done, total, what).

    Returns:
        (queries, bits) int64.
    """
    random = Randomness(seed=seed, purpose="certify")
    counts = np.zeros((len(ids), model.space.size), np.int64)
    base, shape = model.model, model.modality.shape
    with evaluating(base), torch.inference_mode():
        for row, query in enumerate(ids):
            clean = read_inputs(queries, [row]).to(device)
            draws = random.generator(query)
            for start in range(0, samples, _CHUNK):
                copies = min(_CHUNK, samples - start)
                noise = torch.from_numpy(draws.standard_normal((copies, *shape), dtype=np.float32)).to(device)
                noisy = clean + model.sigma * noise
                with foreign(base, f"hash {copies} noisy copies of a query"):
                    logits = base(noisy)
                positive = sign(checked_outputs(base, noisy, logits, size=model.space.size)) > 0
                counts[row] += positive.sum(0).cpu().numpy()
            progress(row + 1, len(ids), "certifying")
    return counts
