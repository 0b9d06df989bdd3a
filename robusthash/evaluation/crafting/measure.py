"""Runs a shard: its queries are attacked, compared with the clean ones, and hashed at every stage."""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts import IMAGE, Modality, Randomness, isolated_randomness
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.result import ShardResult
from robusthash.metrics import l2, linf, psnr, ssim
from robusthash.pixels import from_levels, to_levels
from robusthash.results import ADVERSARIAL, CLEAN, UNROUNDED, after_jpeg

Distances = Mapping[str, Callable[[Tensor, Tensor], Tensor]]

_IMAGERY: Distances = {"psnr": psnr, "ssim": ssim, "linf": linf, "l2": l2}


def run_shard(job: Job, rows: Sequence[int], *, qualities: Sequence[int] = ()) -> ShardResult:
    """Attacks, measures and hashes the queries of one shard.

    Args:
        job: the attack and its victim.
        rows: positions of the queries in the job's inputs.
        qualities: JPEG qualities, 1 to 100, at which images are compressed and hashed again.

    Raises:
        PluginError: the attack failed.
        CapabilityError: JPEG qualities are set, and the queries are not images.
        MemoryLimitError: a single input does not fit into memory.
    """
    crafted = craft(job, rows)
    delivered = crafted.adversarial.inputs
    measured = {name: measure(delivered, crafted.clean) for name, measure in distances(job.victim.modality).items()}
    measured["clipped"] = crafted.adversarial.clipped
    ids = job.ids[torch.as_tensor(rows)]
    return ShardResult(
        ids=ids.numpy(),
        codes=_codes(job, ids, _stages(crafted, job.victim.modality, qualities)),
        imagery={name: values.double().cpu().numpy() for name, values in measured.items()},
        pixels=np.stack([_digest(one) for one in _delivered(delivered, job.victim.modality)]),
        cost=crafted.cost,
        batch=crafted.batch,
        member=None if crafted.member is None else crafted.member.numpy(),
        trace=crafted.trace,
    )


def distances(modality: Modality) -> Distances:
    """Distances between adversarial and clean inputs, by name; PSNR and SSIM for images only.

    L-infinity is a share of the box's width, as epsilon is.

    Args:
        modality: of the inputs.
    """
    if modality.name == IMAGE:
        return _IMAGERY
    return {"linf": lambda inputs, reference: linf(inputs, reference) / modality.box.width, "l2": l2}


def _stages(crafted: Crafted, modality: Modality, qualities: Sequence[int]) -> dict[str, Tensor]:
    """Inputs at each stage, by its name."""
    clean, adversarial = crafted.clean, crafted.adversarial
    stages = {CLEAN: clean, ADVERSARIAL: adversarial.inputs, UNROUNDED: adversarial.unrounded}
    if qualities and modality.name != IMAGE:
        raise CapabilityError(f"a {modality.name} has no JPEG", hint="omit --jpeg")
    levels = [to_levels(images) for images in (clean, adversarial.inputs)] if qualities else []
    for quality in qualities:
        for name, images in zip(after_jpeg(quality), levels, strict=True):
            stages[name] = _compressed(images.cpu().numpy(), quality).to(clean.device)
    return stages


def _codes(job: Job, ids: Tensor, stages: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    random = Randomness(seed=job.random.seed, purpose="victim")
    codes = {}
    for name, inputs in stages.items():
        # A randomised victim draws the same numbers in every run, but different ones at each stage.
        with isolated_randomness(random.derived(name), ids.to(job.compute.device)):
            codes[name] = job.victim.represent(inputs).cpu().numpy()
    return codes


def _delivered(inputs: Tensor, modality: Modality) -> np.ndarray:
    """Inputs as they are uploaded: images in 8 bits, others unchanged."""
    return (to_levels(inputs) if modality.name == IMAGE else inputs).cpu().numpy()


def _digest(delivered: np.ndarray) -> np.ndarray:
    return np.frombuffer(hashlib.blake2b(delivered.tobytes(), digest_size=16).digest(), dtype=np.uint8)


def _compressed(levels: np.ndarray, quality: int) -> Tensor:
    """Compresses (n, 3, h, w) uint8 images to JPEG and decodes them: (n, 3, h, w) float32 in [0, 1]."""
    decoded = []
    for image in levels:
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(buffer, format="JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(buffer)).transpose(2, 0, 1))
    return from_levels(torch.from_numpy(np.stack(decoded)))
