"""From the shards of a cell to its record."""

import platform
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import torch

from robusthash.adversary import Evidence, soundness
from robusthash.evaluation.bench import Bench
from robusthash.evaluation.cells import CellWork, versions
from robusthash.evaluation.shards import Arrays
from robusthash.hashing import pack, vote
from robusthash.metrics import Relevance, random_floor, worst_floor
from robusthash.results import Cost, Flag, Measure, Record
from robusthash.specs import Capability, Goal

_IMAGERY = ("psnr", "ssim", "linf", "l2", "clipped")


def assemble(work: CellWork, arrays: Arrays, noise: Record | None) -> tuple[Record, Arrays]:
    """The record of a cell whose shards are all there, and its arrays: one row a query.

    Args:
        work: the cell.
        arrays: of all shards.
        noise: the record of noise on the same victim at the same radius, if there is one.
    """
    bench, attack = work.bench, work.attack.plugin
    targeted = attack.goal is Goal.TARGETED
    stages = {name: torch.from_numpy(arrays[name]) for name in ("clean", "adversarial", "unrounded")}
    metrics: dict[str, dict[str, Measure]] = {}
    kept: Arrays = {name: arrays[name] for name in ("ids", *stages, *_IMAGERY, "pixels")}
    for stage, packed in stages.items():
        views = {"": bench.queries.labels, **({"t-": bench.targets.labels} if targeted else {})}
        metrics[stage] = {}
        for prefix, labels in views.items():
            scored = bench.score(packed, labels)
            metrics[stage].update({f"{prefix}{name}": measure for name, measure in scored.measures.items()})
            kept.update({f"{stage}/{prefix}{name}": values for name, values in scored.per_query.items()})
            if not prefix and stage != "unrounded":
                kept[f"{stage}/neighbours"] = scored.neighbours
    if "member" in arrays:
        kept["member"] = arrays["member"]
    if targeted:
        kept |= {"targets": bench.targets.labels.numpy(), "anchors": bench.targets.anchors.numpy()}
    moved = _hamming(arrays["clean"], arrays["adversarial"])
    kept["hamming"] = moved
    imagery = {name: float(arrays[name].mean()) for name in _IMAGERY} | {"hamming": float(moved.mean())}
    forward, backward = (int(count) for count in arrays["passes"])
    record = Record(
        digest=work.digest,
        dataset=bench.dataset_use,
        model=bench.victim.use,
        defense=bench.victim.defense,
        attack=work.attack.use,
        goal=str(attack.goal),
        epsilon=work.cell.epsilon,
        seed=bench.shop.setting.seed,
        relevance=str(Relevance.SHARE_ANY),
        retriever=bench.shop.retriever.use,
        shard_size=bench.shop.shard_size,
        metrics=metrics,
        floors=_floors(bench, targeted=targeted),
        imagery=imagery,
        protocols=bench.shop.protocols,
        cost=Cost(forward=forward, backward=backward, seconds=float(arrays["seconds"][0])),
        flags=(),
        versions=versions(),
        environment=_environment(bench.shop.device),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return replace(record, flags=_flags(work, record, noise, float(arrays["linf"].max()))), kept


def _flags(work: CellWork, record: Record, noise: Record | None, linf: float) -> tuple[Flag, ...]:
    headline = next(iter(work.bench.shop.metrics))
    attack = work.attack.plugin
    if attack.goal is Goal.TARGETED:
        # Noise is run untargeted; what a targeted attack must beat is the clean queries' score on the same targets.
        headline = f"t-{headline}"
        beside: float | None = record.metrics["clean"][headline].value
    else:
        beside = noise.metrics["adversarial"][headline].value if noise else None
    evidence = Evidence(
        goal=attack.goal,
        threat=work.threat,
        linf=linf,
        clipped=record.imagery["clipped"],
        clean=record.metrics["clean"][headline].value,
        attacked=record.metrics["adversarial"][headline].value,
        noise=beside,
        moved=record.imagery["hamming"],
        gradients=Capability.GRADIENTS in attack.needs,
        bounded=attack.bounded,
    )
    return tuple(Flag(id=name, message=message) for name, message in soundness(evidence))


def _floors(bench: Bench, *, targeted: bool) -> dict[str, float]:
    labels, items = bench.queries.labels, bench.shop.data.database.labels
    floors = {
        "random": random_floor(labels, items, relevance=Relevance.SHARE_ANY),
        "worst": worst_floor(labels, items, relevance=Relevance.SHARE_ANY),
    }
    if targeted:
        anchor = pack(vote(bench.targets.anchor_codes(bench.database_codes)))
        headline = next(iter(bench.shop.metrics))
        floors["t-random"] = random_floor(bench.targets.labels, items, relevance=Relevance.SHARE_ANY)
        floors["t-anchor"] = bench.score(anchor, bench.targets.labels).measures[headline].value
    return floors


def _environment(device: torch.device) -> dict[str, str]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {"device": device.type, "device_name": name, "threads": str(torch.get_num_threads())}


def _hamming(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    moved: np.ndarray = np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int64)
    return moved
