"""What an adversarial input does to a code, for manifests."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from robusthash.adversary import distance_to
from robusthash.contracts import Index
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.running.preparing.cells import PreparedCell

_NEIGHBOURS = 10


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The effect of one adversarial input.

    Attributes:
        moved: distance between the codes, or descriptors, of the clean and the adversarial input.
        bits: code length; None for descriptors.
        retained: share of the clean input's ten nearest items that are among the adversarial input's ten nearest.
        clean_code: packed code of the clean input, hexadecimal; None for descriptors.
        adversarial_code: packed code of the adversarial input, likewise.
    """

    moved: float
    bits: int | None
    retained: float
    clean_code: str | None
    adversarial_code: str | None


def effects(job: Job, crafted: Crafted, index: Index) -> Iterator[dict[str, Any]]:
    """The effects of some adversarial inputs, as fields of :class:`Effect`.

    Args:
        job: the attack and its victim.
        crafted: its outcome.
        index: the index that is searched.
    """
    space = job.victim.space
    before, after = job.victim.represent(crafted.clean), job.victim.represent(crafted.adversarial.inputs)
    measured = zip(
        distance_to(space.codes(before), space.codes(after), space).tolist(),
        _retained(index, before, after),
        _written(before),
        _written(after),
        strict=True,
    )
    for moved, retained, old, new in measured:
        found = Effect(moved=moved, bits=job.victim.bits, retained=retained, clean_code=old, adversarial_code=new)
        yield asdict(found)


def recipe(prepared: PreparedCell) -> dict[str, Any]:
    """How adversarial inputs were made, for a manifest."""
    system, fitted, surrogate = prepared.system, prepared.record.attack.fitted, prepared.record.attack.surrogate
    radius = prepared.cell.radius
    return {
        "attack": asdict(prepared.attack.use),
        "fitted": asdict(fitted) if fitted else None,
        "surrogate": surrogate.identity() if surrogate else None,
        "epsilon": radius.size,
        "norm": str(radius.norm),
        **system.victim.identity,
        "dataset": system.resources.data.name,
        "dataset_digest": system.resources.data.digest,
        "seed": system.resources.setting.seed,
    }


def _written(representation: Tensor) -> list[str | None]:
    """Packed codes in hexadecimal; None for descriptors."""
    if representation.dtype != torch.uint8:
        return [None] * len(representation)
    return [bytes(row).hex() for row in representation.cpu().numpy()]


def _retained(index: Index, before: Tensor, after: Tensor) -> list[float]:
    k = min(_NEIGHBOURS, index.size)
    old, new = index.search(before.cpu(), k).ids, index.search(after.cpu(), k).ids
    # An index may return fewer: what it returned of the clean input is what can be retained.
    clean = [set(row) - {-1} for row in old.tolist()]
    return [len(left & set(right)) / max(len(left), 1) for left, right in zip(clean, new.tolist(), strict=True)]
