"""From the shards of a cell to its record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import torch
from torch import Tensor

from robusthash.adversary import Evidence, soundness
from robusthash.evaluation.crafting.shards import Arrays
from robusthash.evaluation.running.cells import CellWork
from robusthash.evaluation.scoring.score import Database, Scored, score
from robusthash.hashing import pack, vote
from robusthash.metrics import RankingMetric, Relevance, random_floor, worst_floor
from robusthash.results import ADVERSARIAL, CLEAN, Against, Cost, Flag, Measure, QueryArrays, Record, ScoreKey
from robusthash.results.records.stages import stages_of
from robusthash.specs import Capability, Goal

_IMAGERY = ("psnr", "ssim", "linf", "l2", "clipped")
_PLAIN = ("ids", *_IMAGERY, "pixels", "member", "trace")  #: arrays of the shards that are kept as they are


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What codes are scored on.

    Attributes:
        database: what is searched.
        labels: (queries, classes) uint8, the queries' own.
        targets: (queries, classes) uint8, the target labels of a targeted attack; None for an untargeted one.
        anchors: (queries, bytes) uint8, the packed codes that a targeted attack is drawn to; likewise.
        metrics: by name, the headline first.
        relevance: when an item is relevant.
        seed: of the bootstrap.
    """

    database: Database
    labels: Tensor
    targets: Tensor | None
    anchors: Tensor | None
    metrics: Mapping[str, RankingMetric]
    relevance: Relevance
    seed: int

    def score(self, packed: Tensor, labels: Tensor) -> Scored:
        """Scores codes of the queries with respect to some labels."""
        return score(packed, labels, self.database, self.metrics, seed=self.seed, relevance=self.relevance)


def assemble(work: CellWork, arrays: Arrays, noise: Record | None) -> tuple[Record, QueryArrays]:
    """The record of a cell whose shards are all there, and its arrays: one row a query.

    Args:
        work: the cell.
        arrays: of all shards.
        noise: the record of noise on the same victim at the same radius, if there is one.
    """
    bench, attack = work.bench, work.attack.plugin
    targeted = attack.goal is Goal.TARGETED
    moved = _hamming(arrays[CLEAN], arrays[ADVERSARIAL])
    kept = {name: arrays[name] for name in _PLAIN if name in arrays}
    kept |= {"hamming": moved, "labels": bench.queries.labels.numpy()}
    if targeted:
        kept |= {"targets": bench.targets.labels.numpy(), "anchors": bench.targets.anchors.numpy()}
    forward, backward, queries = (int(count) for count in arrays["spent"])
    outcome = replace(
        work.record.outcome,
        imagery={name: float(arrays[name].mean()) for name in _IMAGERY} | {"hamming": float(moved.mean())},
        cost=Cost(forward=forward, backward=backward, queries=queries, seconds=float(arrays["seconds"][0])),
        probe=bench.probe.plain(),
    )
    conditions = work.record.conditions
    record = replace(
        work.record,
        outcome=outcome,
        conditions=replace(conditions, environment={**conditions.environment, "batch": str(int(arrays["batch"][0]))}),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    anchors = pack(vote(bench.targets.anchor_codes(bench.database_codes))) if targeted else None
    scale = Scale(
        database=bench.database,
        labels=bench.queries.labels,
        targets=bench.targets.labels if targeted else None,
        anchors=anchors,
        metrics=bench.resources.metrics,
        relevance=Relevance.SHARE_ANY,
        seed=bench.resources.setting.seed,
    )
    gradients, bounded = Capability.GRADIENTS in attack.needs, attack.bounded
    codes = {stage: arrays[stage] for stage in stages_of(work.record.scoring.qualities)}
    return scored(record, QueryArrays(codes=codes, columns=kept), scale, noise, gradients=gradients, bounded=bounded)


def scored(
    record: Record,
    arrays: QueryArrays,
    scale: Scale,
    noise: Record | None,
    *,
    gradients: bool,
    bounded: bool,
) -> tuple[Record, QueryArrays]:
    """The record and its arrays with the numbers that its codes come to.

    Args:
        record: all but the numbers.
        arrays: with the packed codes of each stage.
        scale: what they are scored on.
        noise: the record of noise on the same victim at the same radius, scored alike.
        gradients: whether the attack works with gradients.
        bounded: whether the attack is held to the ball.
    """
    metrics: dict[str, dict[Against, Mapping[str, Measure]]] = {}
    search: dict[str, Mapping[str, float]] = {}
    scores: dict[ScoreKey, np.ndarray] = {}
    neighbours: dict[str, np.ndarray] = {}
    views = {Against.OWN: scale.labels} | ({Against.TARGET: scale.targets} if scale.targets is not None else {})
    for stage, codes in arrays.codes.items():
        metrics[stage] = {}
        for against, labels in views.items():
            found = scale.score(torch.from_numpy(codes), labels)
            metrics[stage][against] = found.measures
            scores |= {ScoreKey(stage, name, against): values for name, values in found.per_query.items()}
            if against is Against.OWN:
                search[stage] = found.search
                if stage in (CLEAN, ADVERSARIAL):
                    neighbours[stage] = found.neighbours
    outcome = replace(record.outcome, metrics=metrics, search=search, floors=_floors(scale))
    record = replace(record, outcome=outcome)
    flags = _flags(record, float(arrays.column("linf").max()), noise, gradients=gradients, bounded=bounded)
    return replace(record, outcome=replace(outcome, flags=flags)), replace(arrays, scores=scores, neighbours=neighbours)


def _flags(record: Record, linf: float, noise: Record | None, *, gradients: bool, bounded: bool) -> tuple[Flag, ...]:
    # Noise is run untargeted; what a targeted attack must beat is the clean queries' score on the same targets.
    targeted = record.attack.against is Against.TARGET
    clean = record.measure(CLEAN).value
    beside = clean if targeted else noise.measure(metric=record.scoring.headline).value if noise else None
    evidence = Evidence(
        goal=record.attack.goal,
        epsilon=record.attack.epsilon,
        linf=linf,
        clipped=record.outcome.imagery["clipped"],
        clean=clean,
        attacked=record.measure().value,
        noise=beside,
        moved=record.outcome.imagery["hamming"],
        gradients=gradients,
        bounded=bounded,
        transferred=record.attack.surrogate is not None,
        passes=record.attack.passes,
        probe=record.outcome.probe,
    )
    return tuple(Flag(id=name, message=message) for name, message in soundness(evidence))


def _floors(scale: Scale) -> dict[Against, dict[str, float]]:
    items = scale.database.labels
    floors = {
        Against.OWN: {
            "random": random_floor(scale.labels, items, relevance=scale.relevance),
            "worst": worst_floor(scale.labels, items, relevance=scale.relevance),
        }
    }
    if scale.targets is not None and scale.anchors is not None:
        headline = next(iter(scale.metrics))
        floors[Against.TARGET] = {
            "random": random_floor(scale.targets, items, relevance=scale.relevance),
            "anchor": scale.score(scale.anchors, scale.targets).measures[headline].value,
        }
    return floors


def _hamming(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    moved: np.ndarray = np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int64)
    return moved
