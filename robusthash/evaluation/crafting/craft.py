"""Crafts adversarial inputs: runs an attack on some queries, in one batch if memory allows."""

import time
from collections.abc import Sequence

import torch

from robusthash.contracts import Budget, Ensemble, read_inputs
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.trace import Trace
from robusthash.results import Cost


def craft(job: Job, rows: Sequence[int]) -> Crafted:
    """Attacks some queries of a job; an ensemble yields the worst outcome of each query.

    Args:
        job: the attack and its victim.
        rows: positions of the queries in the job's inputs.

    Raises:
        PluginError: the attack raised an unexpected error, or violated its contract.
        UsageError: the model cannot be compiled.
        MemoryLimitError: a single input does not fit into memory.
    """
    if isinstance(job.attack, Ensemble):
        from robusthash.evaluation.crafting.worst import craft_worst  # it imports this module to craft the members

        return craft_worst(job, job.attack, rows)
    path = job.shared / f"{rows[0]:06d}-{len(rows):06d}.npz" if job.shared else None
    if path is not None and path.exists():
        return Crafted.read(path, read_inputs(job.inputs, list(rows)).to(job.compute.device), job.threat)
    crafted = craft_try(job, rows, restart=0)
    if path is not None:
        crafted.write(path)
    return crafted


def craft_try(job: Job, rows: Sequence[int], *, restart: int) -> Crafted:
    """Runs one try of an attack on some queries.

    Args:
        job: the attack and its victim.
        rows: positions of the queries in the job's inputs.
        restart: index of the try; every try after the first, 0, starts at a random point.
    """
    return Crafted.cat(job.compute.batches.run(rows, lambda part: _as_one_batch(job, part, restart)))


def _as_one_batch(job: Job, rows: Sequence[int], restart: int) -> Crafted:
    device = job.compute.device
    batch = job.batch(torch.as_tensor(rows, dtype=torch.int64))
    budget, trace = Budget(), Trace(batch.ids)
    context = job.context(budget, trace, restart)
    started = time.perf_counter()
    adversarial = job.attack(batch, context)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return Crafted(
        clean=batch.inputs,
        adversarial=adversarial,
        cost=Cost(
            forward=budget.forward,
            backward=budget.backward,
            queries=budget.queries,
            seconds=time.perf_counter() - started,
        ),
        batch=len(rows),
        trace=trace.matrix(),
    )
