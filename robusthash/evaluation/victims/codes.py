"""Codes of a split, computed once for each model and split; and which queries are attacked."""

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from robusthash.contracts import HashModel, Progress, Randomness, Split, isolated_randomness
from robusthash.hashing import binarise, pack, unpack
from robusthash.storage import cache_folder, digest, write_atomically
from robusthash.training import encode


def cached_codes(model: HashModel, weights: str, split: Split, *, device: torch.device, progress: Progress) -> Tensor:
    """Codes of a split, kept in the cache under the digests of weights, split and image size.

    Args:
        model: on the device.
        weights: digest of its weights, and of whatever wraps them.
        split: what to encode.
        device: where to compute.
        progress: called with (done, total, what).

    Returns:
        (n, bits) int8 in {-1, +1}, on the CPU.
    """
    key = digest(
        {
            "weights": weights,
            "split": split.digest,
            "size": list(split.images.size),
            "device": device.type,
            "torch": torch.__version__,
        }
    )
    path = cache_folder() / "codes" / f"{key[:32]}.safetensors"
    if path.exists():
        try:
            return unpack(load_tensors(path.read_bytes())["packed"], model.bits)
        except (SafetensorError, KeyError):
            path.unlink()  # a cache file that cannot be read is made again
    what = f"encoding the {split.name} split"
    # Whatever a randomised model draws, it draws the same whenever its codes are made.
    with isolated_randomness(Randomness(seed=0, purpose=what), torch.empty(0, dtype=torch.int64, device=device)):
        logits = encode(model, split.images, device=device, progress=lambda done, total: progress(done, total, what))
    codes = binarise(logits).cpu()
    write_atomically(path, save_tensors({"packed": pack(codes)}))
    return codes


def query_subset(count: int, wanted: int | None, seed: int) -> list[int]:
    """Positions of the queries to attack, ascending: all of them, or a seeded draw of some.

    >>> query_subset(5, None, 0)
    [0, 1, 2, 3, 4]
    """
    if wanted is None or wanted >= count:
        return list(range(count))
    draw = np.random.Generator(np.random.Philox(key=seed)).permutation(count)[:wanted]
    return sorted(int(position) for position in draw)
