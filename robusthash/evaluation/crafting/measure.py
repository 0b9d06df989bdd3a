"""Runs a shard: its queries are attacked, compared with the clean ones, and hashed at every stage."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Randomness, isolated_randomness
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.metrics.modalities import compressed, distances, uploaded
from robusthash.results import ADVERSARIAL, CLEAN, UNROUNDED, QueryArrays, after_jpeg
from robusthash.results.records.arrays import PIXELS, TRACE, input_digest

CLIPPED = "clipped"  #: column of the share of elements that the guard clipped


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
    found = distances(modality, job.threat)
    measured = {name: measure(delivered, clean) for name, measure in found.items()}
    measured[CLIPPED] = crafted.adversarial.clipped
    stages = {
        CLEAN: clean,
        ADVERSARIAL: delivered,
        UNROUNDED: crafted.adversarial.unrounded,
        **{
            stage: compressed(images, modality, quality)
            for quality in qualities
            for stage, images in zip(after_jpeg(quality), (clean, delivered), strict=True)
        },
    }
    ids = job.ids[torch.as_tensor(rows)]
    optional = {"member": None if crafted.member is None else crafted.member.numpy(), TRACE: crafted.trace}
    columns = {
        "ids": ids.numpy(),
        **{name: values.double().cpu().numpy() for name, values in measured.items()},
        PIXELS: np.stack([input_digest(one) for one in uploaded(delivered, modality)]),
        **{name: array for name, array in optional.items() if array is not None},
    }
    return ShardResult(
        arrays=QueryArrays(
            codes={stage: _represented(job, ids, inputs, stage) for stage, inputs in stages.items()}, columns=columns
        ),
        cost=crafted.cost,
        batch=crafted.batch,
    )


def _represented(job: Job, ids: Tensor, inputs: Tensor, stage: str) -> np.ndarray:
    random = Randomness(seed=job.random.seed, purpose="victim").derived(stage)
    # A randomised victim draws the same numbers in every run, but different ones at each stage.
    with isolated_randomness(random, ids.to(job.compute.device)):
        return job.victim.represent(inputs).cpu().numpy()
