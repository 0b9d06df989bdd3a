"""Turns the shards of a cell into its record."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from robusthash.adversary import distance_to
from robusthash.contracts import Space
from robusthash.evaluation.crafting.measure import CLIPPED
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.scoring.data_flags import TWINS, data_flags
from robusthash.evaluation.scoring.scale import Scale, Scored, representative
from robusthash.evaluation.scoring.soundness import soundness
from robusthash.metrics.modalities import distances
from robusthash.results import ADVERSARIAL, CLEAN, Against, Cost, QueryArrays, Record, ScoreKey
from robusthash.specs import Capability, Distance, Goal


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What is known of a cell before its first query is attacked.

    Attributes:
        record: its record, with the probe of the victim and what learning cost, still without numbers.
        imagery: names of the distances between clean and adversarial inputs.
        gradients: whether the attack uses gradients.
        bounded: whether it stays within its radius.
    """

    record: Record
    imagery: tuple[str, ...]
    gradients: bool
    bounded: bool

    @property
    def space(self) -> Space:
        """The space where queries and items are compared."""
        model = self.record.victim.model
        return Space(distance=Distance(model.distance), size=model.size)


def outlined(
    work: PreparedCell, twins: npt.NDArray[np.int64] | None, *, queries: int | None = None
) -> tuple[Outline, QueryArrays]:
    """What is known of a cell, and of its queries, before the first is attacked.

    Args:
        work: the cell.
        twins: (queries,) int64, the database item with the pixels of each query, -1 for none; None if unknown.
        queries: number of the first queries that are attacked; None is all.
    """
    attack, resources, origins = work.attack.plugin, work.system.resources, work.record.origins
    columns: dict[str, npt.NDArray[Any]] = {"labels": resources.queries.labels[:queries].numpy()}
    if attack.goal is Goal.TARGETED:
        targets = resources.targets
        columns |= {"targets": targets.labels[:queries].numpy(), "anchors": targets.anchors[:queries].numpy()}
    if twins is not None:
        columns[TWINS] = twins[:queries]
    cost, probe = Cost(learning=work.job.learning), work.system.probe.plain()
    record = replace(
        work.record,
        outcome=replace(work.record.outcome, cost=cost, probe=probe),
        origins=replace(origins, learnt=work.job.learnt) if origins else None,
    )
    outline = Outline(
        record=record,
        imagery=tuple(distances(work.system.modality, work.job.threat)),
        gradients=Capability.GRADIENTS in attack.needs,
        bounded=attack.bounded,
    )
    return outline, QueryArrays(columns=columns)


def assemble(
    outline: Outline, known: QueryArrays, result: ShardResult, scale: Scale, reference: Record | None
) -> tuple[Record, QueryArrays]:
    """The record of a cell and its arrays.

    Args:
        outline: the cell.
        known: what is known of the queries that were attacked.
        result: of their shards.
        scale: what they are scored with.
        reference: record of the reference attack on the same victim with the same radius; None if there is none.

    Returns:
        The record, and arrays with one row per query.

    Raises:
        ContractError: a retriever that claims to be exact returned wrong distances.
    """
    record, space = outline.record, outline.space
    clean, adversarial = (space.codes(torch.from_numpy(result.arrays.codes[stage])) for stage in (CLEAN, ADVERSARIAL))
    moved = str(space.distance)
    columns = {**result.arrays.columns, moved: distance_to(clean, adversarial, space).numpy(), **known.columns}
    outcome = replace(
        record.outcome,
        imagery={name: float(columns[name].mean()) for name in (*outline.imagery, CLIPPED, moved)},
        cost=replace(result.cost, learning=record.outcome.cost.learning),
    )
    environment = {**record.conditions.environment, "batch": str(result.batch)}
    record = replace(
        record, created=now(), outcome=outcome, conditions=replace(record.conditions, environment=environment)
    )
    arrays = replace(result.arrays, columns=columns)
    return scored(record, arrays, scale, reference, gradients=outline.gradients, bounded=outline.bounded)


def scored(
    record: Record,
    arrays: QueryArrays,
    scale: Scale,
    reference: Record | None,
    *,
    gradients: bool,
    bounded: bool,
) -> tuple[Record, QueryArrays]:
    """Adds the scores of stored codes to a record and its arrays.

    Args:
        record: everything but the scores.
        arrays: with the representations at each stage, and as columns ``labels``, the distance in the threat's norm, as
            ``linf``, and for a targeted attack ``targets`` and ``anchors``.
        scale: what they are scored with.
        reference: record of the reference attack on the same victim with the same radius and metrics; None if there is
            none.
        gradients: whether the attack uses gradients.
        bounded: whether the attack stays within its radius.

    Raises:
        ContractError: a retriever that claims to be exact returned wrong distances.
    """
    labels = {Against.OWN: torch.from_numpy(arrays.column("labels"))}
    anchors = None
    if record.attack.against is Against.TARGET:
        labels[Against.TARGET] = torch.from_numpy(arrays.column("targets"))
        anchors = representative(torch.from_numpy(arrays.column("anchors")), scale.database)
    found: dict[tuple[str, Against], Scored] = {}
    for stage, codes in arrays.codes.items():
        score = scale.score_again if stage == CLEAN else scale.score
        found |= {(stage, against): score(torch.from_numpy(codes), wanted) for against, wanted in labels.items()}
    outcome = replace(
        record.outcome,
        metrics={stage: {against: found[stage, against].measures for against in labels} for stage in arrays.codes},
        search={stage: found[stage, Against.OWN].search for stage in arrays.codes},
        floors=scale.floors(labels[Against.OWN], labels.get(Against.TARGET), anchors),
    )
    scores = {
        ScoreKey(stage, name, against): values
        for (stage, against), one in found.items()
        for name, values in one.per_query.items()
    }
    neighbours = {stage: found[stage, Against.OWN].neighbours for stage in (CLEAN, ADVERSARIAL)}
    record = replace(record, outcome=outcome)
    farthest = float(arrays.column(record.attack.norm).max())
    items = scale.database.representation
    equal = bool((items == items[0]).all())
    flags = soundness(record, reference, farthest=farthest, gradients=gradients, bounded=bounded, all_equal=equal)
    return (
        replace(record, outcome=replace(outcome, flags=(*flags, *data_flags(arrays, labels, scale)))),
        replace(arrays, scores=scores, neighbours=neighbours),
    )


def now() -> str:
    """Current time, in UTC and ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
