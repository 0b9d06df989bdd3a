"""What a model makes of a whole split, computed once for each model and split."""

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Progress, Randomness, Split, isolated_randomness
from robusthash.errors import CheckpointError
from robusthash.storage import cache_folder, digest
from robusthash.tensors import load_tensors, save_tensors
from robusthash.training import encode

_NAME = "representation"


def cached_representation(
    model: HashModel, identity: str, split: Split, *, device: torch.device, progress: Progress
) -> Tensor:
    """Packed codes or descriptors of a split, cached under the digests of model, split and shape of the inputs.

    Args:
        model: on the device; the tower of the split's modality that is to be encoded.
        identity: digest of its weights, and of whatever wraps them.
        split: what to encode.
        device: where to compute.
        progress: called with (done, total, what).

    Returns:
        (n, bytes) uint8 or (n, d) float32, on the CPU.
    """
    view = split.view(model.modality.name)
    key = digest(
        {
            "model": identity,
            "split": split.digest,
            "inputs": f"{model.modality}",
            "device": device.type,
            "torch": torch.__version__,
        }
    )
    path = cache_folder() / "codes" / f"{key[:32]}.safetensors"
    if path.exists():
        try:
            found = load_tensors(path).get(_NAME)
        except CheckpointError:
            found = None
        if found is not None and model.space.problem(found) is None and len(found) == len(split):
            return found
        path.unlink()  # a cache file that cannot be used is made again
    what = f"encoding the {split.name} split"
    # Whatever a randomised model draws, it draws the same whenever its codes are made.
    with isolated_randomness(Randomness(seed=0, purpose=what), torch.empty(0, dtype=torch.int64, device=device)):
        logits = encode(model, view, device=device, progress=lambda done, total: progress(done, total, what))
    representation = model.space.represent(logits).cpu()
    save_tensors(path, {_NAME: representation})
    return representation
