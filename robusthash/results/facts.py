"""Everything that a record holds, in words: for the terminal and for pages."""

from collections.abc import Iterator, Mapping
from typing import Any

from robusthash.epsilon import Radius
from robusthash.results.records.parts import ModelUse
from robusthash.results.records.record import Record
from robusthash.results.records.stages import in_order
from robusthash.results.rendering.sheet import Column, Line, Table
from robusthash.specs import PluginUse

Facts = list[tuple[str, str]]  #: labels and what they say


def recipe(record: Record) -> Iterator[tuple[str, Facts]]:
    """What was run: groups of facts, with their titles."""
    dataset, victim, scoring, conditions = record.dataset, record.victim, record.scoring, record.conditions
    yield "cell", [("digest", record.digest), ("created", record.created), ("direction", victim.direction)]
    yield (
        f"dataset {dataset.name}",
        [
            *_use(dataset),
            ("digest", dataset.digest),
            ("queries", str(dataset.queries)),
            ("query digest", dataset.query_digest),
            ("database", f"{dataset.database} items"),
        ],
    )
    yield f"model {victim.model.name}", _model(victim.model)
    if victim.defense:
        yield f"defense {victim.defense.name}", _use(victim.defense)
    else:
        yield "defense", [("", "none")]
    yield f"attack {record.attack.name}", _attack(record)
    if record.attack.surrogate:
        yield f"surrogate {record.attack.surrogate.name}", _model(record.attack.surrogate)
    yield f"retriever {scoring.retriever.name}", _use(scoring.retriever)
    yield (
        "run",
        [
            ("seed", str(conditions.seed)),
            ("shard size", str(conditions.shard_size)),
            *conditions.environment.items(),
        ],
    )
    yield "versions", list(conditions.versions.items())
    yield "scoring", [("headline", scoring.headline), ("relevance", scoring.relevance), *scoring.protocols.items()]


def results(record: Record) -> Iterator[tuple[str, Facts]]:
    """What came out beside the metrics: groups of facts, with their titles."""
    outcome = record.outcome
    yield "floors", [(name, f"{value:.3f}") for name, value in _floors(record)]
    yield "imagery", [(name, f"{value:.5g}") for name, value in outcome.imagery.items()]
    yield "search", [(stage, _numbers(outcome.search[stage])) for stage in in_order(outcome.search)]
    yield "probe of the victim", [(name, f"{value:.3f}") for name, value in outcome.probe.items()]
    yield "cost", _cost(record)


def metrics(record: Record) -> Table:
    """All metrics at all stages, with their intervals and tie bands."""
    columns = (
        Column(name="queries", words=True, grouped=True),
        Column(name="metric", words=True),
        Column(name="value"),
        Column(name="95 % interval", omitted=1),
        Column(name="worst to best tie order", omitted=0),
    )
    lines = [
        Line(
            cells=(
                stage,
                against.qualify(name),
                f"{one.value:.4f}",
                f"{one.low:.4f} to {one.high:.4f}",
                f"{one.worst:.4f} to {one.best:.4f}",
            )
        )
        for stage in in_order(record.outcome.metrics)
        for against, measures in record.outcome.metrics[stage].items()
        for name, one in measures.items()
    ]
    return Table(columns=columns, lines=tuple(lines))


def _attack(record: Record) -> Facts:
    attack = record.attack
    return [
        ("goal", attack.goal),
        ("access", record.access),
        ("role", attack.role),
        ("threat", attack.threat if attack.norm.counts else f"{attack.threat} ({attack.epsilon!r})"),
        *([("effort", f"{attack.effort.value:g} {attack.effort.option}")] if attack.effort else []),
        *(_fitted(record)),
        ("precision", attack.precision + (", compiled" if attack.compiled else "")),
        *_use(attack),
    ]


def _fitted(record: Record) -> Facts:
    """What the attack had learnt before the run."""
    fitted = record.attack.fitted
    if fitted is None:
        return []
    on = record.attack.surrogate or record.victim.model
    data = "this dataset" if fitted.dataset_digest == record.dataset.digest else f"dataset {fitted.dataset_digest[:12]}"
    threat = f"{Radius(size=fitted.epsilon, norm=record.attack.norm)}, seed {fitted.seed}"
    return [
        ("fitted", fitted.digest),
        ("fitted on", f"{on.name} {on.label}, {data}, {threat}, by {fitted.owner}"),
    ]


def _cost(record: Record) -> Facts:
    cost, learning, queries = record.outcome.cost, record.outcome.cost.learning, max(1, record.dataset.queries)
    lines = [
        ("forward", f"{cost.forward} passes of one input"),
        ("backward", f"{cost.backward} passes of one input"),
        ("time", f"{cost.seconds:.3g} s, {1000 * cost.seconds / queries:.3g} ms a query"),
    ]
    if cost.queries:
        lines.append(("asked", f"{cost.queries} inputs of the victim's service, {cost.queries / queries:.1f} a query"))
    if learning:
        passes = f"{learning.forward} forward, {learning.backward} backward"
        lines.append(("learning", f"{passes}, {learning.seconds:.3g} s, before the first query"))
    return lines


def _model(model: ModelUse) -> Facts:
    size = ("size", f"{model.label}, {model.distance}")
    return [*_use(model), size, ("backbone", model.backbone), ("digest", model.digest)]


def _use(use: PluginUse) -> Facts:
    return [("from", use.owner), *((f"option {name}", _plain(value)) for name, value in use.options.items())]


def _floors(record: Record) -> Iterator[tuple[str, float]]:
    for against, floors in record.outcome.floors.items():
        yield from ((against.qualify(name), value) for name, value in floors.items())


def _numbers(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_plain(one)}" for name, one in value.items()) or "{}"
    return str(value)
