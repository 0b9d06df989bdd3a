"""Turns the shards of a cell into its record."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import torch

from robusthash.adversary import DataFaults, Evidence, distance_to, soundness
from robusthash.contracts import Space
from robusthash.evaluation.crafting.result import ShardResult
from robusthash.evaluation.running.cells import PreparedCell
from robusthash.evaluation.scoring.scale import Scale
from robusthash.metrics import relevant_counts
from robusthash.results import ADVERSARIAL, CLEAN, Against, Flag, QueryArrays, Record, ScoreKey
from robusthash.specs import Capability, Goal

TWINS = "twins"  #: column: the database item with the pixels of each query, -1 for none


def assemble(work: PreparedCell, result: ShardResult, reference: Record | None) -> tuple[Record, QueryArrays]:
    """The record of a cell and its arrays.

    Args:
        work: the cell.
        result: the result of all its shards.
        reference: record of the reference attack on the same victim with the same radius; None if there is none.

    Returns:
        The record, and arrays with one row per query.

    Raises:
        ContractError: a retriever that claims to be exact returned wrong distances.
    """
    system, attack, queries = work.system, work.attack.plugin, work.scene.queries
    targeted = attack.goal is Goal.TARGETED
    scale = Scale.of(system, queries, targeted=targeted)
    moved = _moved(result, system.space)
    columns = {**result.columns, **moved, "labels": queries.labels.numpy()}
    if targeted:
        columns |= {"targets": queries.targets.labels.numpy(), "anchors": queries.targets.anchors.numpy()}
    twins = system.resources.twins if system.direction.query == system.direction.item else None
    if twins is not None:
        columns[TWINS] = twins
    outcome = replace(
        work.record.outcome,
        imagery={name: float(values.mean()) for name, values in {**result.imagery, **moved}.items()},
        cost=replace(result.cost, learning=work.job.learning),
        probe=system.probe.plain(),
    )
    conditions = work.record.conditions
    record = replace(
        work.record,
        created=now(),
        outcome=outcome,
        conditions=replace(conditions, environment={**conditions.environment, "batch": str(result.batch)}),
    )
    arrays = QueryArrays(codes=result.codes, columns=columns)
    gradients = Capability.GRADIENTS in attack.needs
    return scored(record, arrays, scale, reference, gradients=gradients, bounded=attack.bounded)


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
        arrays: with the representations at each stage.
        scale: what they are scored with.
        reference: record of the reference attack on the same victim with the same radius and metrics; None if there is
            none.
        gradients: whether the attack uses gradients.
        bounded: whether the attack stays within its radius.

    Raises:
        ContractError: a retriever that claims to be exact returned wrong distances.
    """
    found = {
        (stage, against): scale.score(torch.from_numpy(codes), against)
        for stage, codes in arrays.codes.items()
        for against in scale.labels
    }
    outcome = replace(
        record.outcome,
        metrics={
            stage: {against: found[stage, against].measures for against in scale.labels} for stage in arrays.codes
        },
        search={stage: found[stage, Against.OWN].search for stage in arrays.codes},
        floors=scale.floors,
    )
    scores = {
        ScoreKey(stage, name, against): values
        for (stage, against), one in found.items()
        for name, values in one.per_query.items()
    }
    neighbours = {stage: found[stage, Against.OWN].neighbours for stage in (CLEAN, ADVERSARIAL)}
    record = replace(record, outcome=outcome)
    linf = float(arrays.column("linf").max())
    items = scale.database.representation
    equal = bool((items == items[0]).all())
    faults = _data_faults(arrays, scale)
    flags = _flags(record, linf, reference, gradients=gradients, bounded=bounded, all_equal=equal, data=faults)
    return (
        replace(record, outcome=replace(outcome, flags=flags)),
        replace(arrays, scores=scores, neighbours=neighbours),
    )


def now() -> str:
    """Current time, in UTC and ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _moved(result: ShardResult, space: Space) -> dict[str, np.ndarray]:
    """Distance between the clean and adversarial representation of each query, by name of the distance."""
    clean, adversarial = (space.codes(torch.from_numpy(result.codes[stage])) for stage in (CLEAN, ADVERSARIAL))
    return {str(space.distance): distance_to(clean, adversarial, space).numpy()}


def _data_faults(arrays: QueryArrays, scale: Scale) -> DataFaults:
    own, items = arrays.column("labels"), scale.database.labels
    targets = arrays.columns.get("targets")
    twins = arrays.columns.get(TWINS)
    return DataFaults(
        queries=len(own),
        own_targets=0 if targets is None else int((own.astype(bool) & targets.astype(bool)).any(1).sum()),
        nothing_to_find=int((relevant_counts(own, items, relevance=scale.relevance) == 0).sum()),
        twins=None if twins is None else int((twins >= 0).sum()),
    )


def _flags(
    record: Record,
    linf: float,
    reference: Record | None,
    *,
    gradients: bool,
    bounded: bool,
    all_equal: bool,
    data: DataFaults,
) -> tuple[Flag, ...]:
    attack, outcome = record.attack, record.outcome
    if attack.against is Against.TARGET:
        # The reference is untargeted, so a targeted attack is compared with the clean queries on the same targets.
        beside: float | None = record.measure(CLEAN).value
    else:
        beside = reference.measure(metric=record.scoring.headline).value if reference else None
    evidence = Evidence(
        goal=attack.goal,
        epsilon=attack.epsilon,
        linf=linf,
        clipped=outcome.imagery["clipped"],
        clean=record.measure(CLEAN).value,
        attacked=record.measure(ADVERSARIAL).value,
        noise=beside,
        moved=outcome.imagery[record.victim.model.distance],
        gradients=gradients,
        bounded=bounded,
        transferred=attack.surrogate is not None,
        passes=attack.passes,
        probe=outcome.probe,
        all_equal=all_equal,
        data=data,
    )
    return tuple(Flag(id=name, message=message) for name, message in soundness(evidence))
