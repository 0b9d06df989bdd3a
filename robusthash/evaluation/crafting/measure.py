"""Runs a shard: its queries are attacked, compared with the clean ones, and hashed at every stage."""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts import IMAGE, Modality, Norm, Randomness, Threat, isolated_randomness
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.metrics import l2, linf, psnr, ssim
from robusthash.pixels import from_levels, to_levels
from robusthash.results import ADVERSARIAL, CLEAN, UNROUNDED, QueryArrays, after_jpeg
from robusthash.results.records.arrays import TRACE

CLIPPED = "clipped"  #: column of the share of elements that the guard clipped
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
    crafted, modality = craft(job, rows), job.victim.modality
    clean, delivered = crafted.clean, crafted.adversarial.inputs
    found = distances(modality, job.threat.norm)
    measured = {name: measure(delivered, clean) for name, measure in found.items()}
    measured[CLIPPED] = crafted.adversarial.clipped
    stages = {
        CLEAN: clean,
        ADVERSARIAL: delivered,
        UNROUNDED: crafted.adversarial.unrounded,
        **_after_jpeg(clean, delivered, modality, qualities),
    }
    ids = job.ids[torch.as_tensor(rows)]
    optional = {"member": None if crafted.member is None else crafted.member.numpy(), TRACE: crafted.trace}
    columns = {
        "ids": ids.numpy(),
        **{name: values.double().cpu().numpy() for name, values in measured.items()},
        "pixels": np.stack([_digest(one) for one in _delivered(delivered, modality)]),
        **{name: array for name, array in optional.items() if array is not None},
    }
    return ShardResult(
        arrays=QueryArrays(
            codes={stage: _represented(job, ids, inputs, stage) for stage, inputs in stages.items()}, columns=columns
        ),
        cost=crafted.cost,
        batch=crafted.batch,
    )


def distances(modality: Modality, norm: Norm) -> Distances:
    """Distances between adversarial and clean inputs, by name; PSNR and SSIM for images only.

    The distance in the threat's norm is among them, by the norm's name, as its radius counts it.

    Args:
        modality: of the inputs.
        norm: of the threat.
    """
    whole = Threat(epsilon=0.0, box=modality.box, norm=norm)
    usual = _IMAGERY
    if modality.name != IMAGE:
        usual = {"linf": lambda inputs, reference: linf(inputs, reference) / modality.box.width, "l2": l2}
    if norm in usual:
        return usual
    return {**usual, str(norm): lambda inputs, clean: whole.distance(inputs.double(), clean.double())}


def _after_jpeg(clean: Tensor, delivered: Tensor, modality: Modality, qualities: Sequence[int]) -> Mapping[str, Tensor]:
    """Images after JPEG compression, by stage."""
    if qualities and modality.name != IMAGE:
        raise CapabilityError(f"a {modality.name} has no JPEG", hint="omit --jpeg")
    levels = [to_levels(images).cpu().numpy() for images in (clean, delivered)] if qualities else []
    return {
        stage: _compressed(images, quality).to(clean.device)
        for quality in qualities
        for stage, images in zip(after_jpeg(quality), levels, strict=True)
    }


def _represented(job: Job, ids: Tensor, inputs: Tensor, stage: str) -> np.ndarray:
    random = Randomness(seed=job.random.seed, purpose="victim").derived(stage)
    # A randomised victim draws the same numbers in every run, but different ones at each stage.
    with isolated_randomness(random, ids.to(job.compute.device)):
        return job.victim.represent(inputs).cpu().numpy()


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
