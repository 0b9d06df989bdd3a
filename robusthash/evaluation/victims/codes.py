"""Representations of whole splits, computed once for each model and split."""

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Progress, Randomness, Split, isolated_randomness, represented
from robusthash.errors import CheckpointError
from robusthash.files.caching import cached_path
from robusthash.files.once import made_once
from robusthash.files.storage import digest
from robusthash.files.tensors import load_tensors, save_tensors
from robusthash.training import encode

_NAME = "representation"


def cached_representation(
    model: HashModel, identity: str, split: Split, *, device: torch.device, progress: Progress
) -> Tensor:
    """Packed codes or descriptors of a split, cached under the digests of model, split and shape of the inputs.

    Args:
        model: on the device; its modality selects the view of the split.
        identity: digest of the model and its defense.
        split: the items to encode.
        device: where to compute.
        progress: called with (done, total, what).

    Returns:
        Packed codes, (n, ceil(bits / 8)) uint8, or descriptors, (n, d) float32, on the CPU.

    Raises:
        CapabilityError: the split has no view of the model's modality.
        StorageError: the cache cannot be written.
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
    path = cached_path("codes", f"{key[:32]}.safetensors")

    def read() -> Tensor | None:
        try:
            found = load_tensors(path).get(_NAME)
        except CheckpointError:
            return None
        usable = found is not None and model.space.problem(found) is None and len(found) == len(split)
        return found if usable else None

    def make() -> Tensor:
        what = f"encoding the {split.name} split"
        # A randomised model draws the same numbers whenever its codes are computed.
        with isolated_randomness(Randomness(seed=0, purpose=what), torch.empty(0, dtype=torch.int64, device=device)):
            representation = encode(
                model,
                view,
                device=device,
                keep=lambda logits: represented(model, logits).cpu(),
                progress=lambda done, total: progress(done, total, what),
            )
        save_tensors(path, {_NAME: representation})
        return representation

    return made_once(path, read, make)[0]
