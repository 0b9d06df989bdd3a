"""Made-up records, to test what reads records: observers, tables, gates."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from robusthash.files.storage import digest
from robusthash.results.records.outcome import Cost, Flag, Measure, Outcome, Spent
from robusthash.results.records.parts import (
    AttackUse,
    Conditions,
    DatasetUse,
    Effort,
    ModelUse,
    Scoring,
    VictimUse,
)
from robusthash.results.records.record import Record
from robusthash.results.records.stages import Against, is_clean, stages_of
from robusthash.specs import Direction, Distance, Goal, Norm, PluginUse, Role

OWNER = "sample-plugin 1.0"  #: distribution and version of every plugin in these records

_CREATED = "2026-01-02T03:04:05+00:00"
_PROTOCOLS = {"map": "map/tie-expected"}
_NAMED_ROLES = {"noise": Role.REFERENCE, "strongest": Role.YARDSTICK}
_MADE_UP = "made-up"  #: among the versions: a digest of the numbers, so that other numbers make another record


def make_measure(value: float) -> Measure:
    """A measure with an interval of ±0.01 and a tie band of ±0.005."""
    return Measure(value=value, low=value - 0.01, high=value + 0.01, worst=value - 0.005, best=value + 0.005)


def make_model(
    name: str = "dpsh",
    *,
    bits: int = 32,
    weights: str = "a1",
    distance: Distance = Distance.HAMMING,
    backbone: str = "convnet",
    options: Mapping[str, Any] | None = None,
) -> ModelUse:
    """A model, as victim or as surrogate.

    Args:
        name: of the method.
        bits: code length, or the dimension of descriptors.
        weights: what the digest of the weights is made from.
        distance: in which its outputs are searched.
        backbone: name of its feature network.
        options: of the method.
    """
    return ModelUse(
        name=name,
        owner=OWNER,
        options=options or {},
        size=bits,
        distance=distance,
        backbone=backbone,
        digest=_sha(weights),
    )


def make_dataset(**changes: Any) -> DatasetUse:
    """A dataset of 200 queries; ``changes`` replace its fields."""
    dataset = DatasetUse(
        name="digits", owner=OWNER, digest=_sha("digits"), queries=200, query_digest=_sha("queries"), database=1297
    )
    return replace(dataset, **changes)


def make_record(
    *,
    dataset: DatasetUse | None = None,
    model: str | ModelUse = "dpsh",
    bits: int = 32,
    weights: str = "a1",
    defense: str | PluginUse | None = None,
    direction: Direction = Direction.I2I,
    attack: str | PluginUse = "rnm",
    options: Mapping[str, Any] | None = None,
    role: Role | None = None,
    effort: str = "steps",
    clean: float = 0.9,
    after: float = 0.3,
    target: float | None = None,
    epsilon: float = 8 / 255,
    norm: Norm = Norm.LINF,
    flags: tuple[Flag, ...] = (),
    surrogate: ModelUse | None = None,
    precision: str = "float32",
    queries: int = 0,
    learning: Spent | None = None,
    seed: int = 0,
    protocols: Mapping[str, str] | None = None,
    headline: str | None = None,
    qualities: tuple[int, ...] = (),
    relevance: str = "share-any",
    versions: Mapping[str, str] | None = None,
    created: str = _CREATED,
    digest: str | None = None,
) -> Record:
    """A complete record with the numbers that a test is about.

    Args:
        dataset: from :func:`make_dataset`.
        model: name of the victim's model; or a model from :func:`make_model`, with ``bits`` and ``weights`` of its own.
        bits: code length.
        weights: what the digest of the weights is made from.
        defense: the defense, or its name.
        direction: modalities of queries and items.
        attack: the attack, or its name; with a name, ``options`` are its options.
        options: of the attack.
        role: of the attack; by default ``noise`` is a reference, and ``strongest`` a yardstick.
        effort: the option that sets how long the attack runs, if it has this option.
        clean: every metric of the clean queries.
        after: every metric after the attack.
        target: every metric after the attack against the target labels, which makes the attack targeted.
        epsilon: radius, in the norm.
        norm: of the threat.
        flags: failed soundness checks.
        surrogate: the model that the attack was crafted on, from :func:`make_model`; None for the victim.
        precision: of the attack's passes.
        queries: inputs sent to the victim's service, in total.
        learning: cost of what the attack learned.
        seed: of the run.
        protocols: protocol ids by metric.
        headline: the metric that the record is judged by; None for the first of ``protocols``.
        qualities: of JPEG, at which the queries were hashed again: with the same metrics.
        relevance: when an item is relevant.
        versions: of robusthash and torch.
        created: UTC time.
        digest: None for the right one; a record with another one cannot be read back.
    """
    use = PluginUse(name=attack, owner=OWNER, options=options or {}) if isinstance(attack, str) else attack
    protocols = _PROTOCOLS if protocols is None else protocols
    steps = use.options.get(effort)
    record = Record(
        digest="",
        created=created,
        dataset=dataset or make_dataset(),
        victim=VictimUse(
            model=make_model(model, bits=bits, weights=weights) if isinstance(model, str) else model,
            defense=PluginUse(name=defense, owner=OWNER) if isinstance(defense, str) else defense,
            direction=direction,
        ),
        attack=AttackUse(
            **asdict(use),
            goal=Goal.UNTARGETED if target is None else Goal.TARGETED,
            epsilon=epsilon,
            norm=norm,
            surrogate=surrogate,
            role=role or _NAMED_ROLES.get(use.name, Role.ATTACK),
            effort=Effort(option=effort, value=steps) if isinstance(steps, int | float) else None,
            precision=precision,
        ),
        scoring=Scoring(
            protocols=protocols,
            headline=headline or next(iter(protocols)),
            qualities=qualities,
            relevance=relevance,
            retriever=PluginUse(name="torch", owner=OWNER),
        ),
        conditions=Conditions(
            seed=seed,
            shard_size=128,
            versions={"robusthash": "0.1.0", "torch": "2.5.0", **(versions or {})},
            environment={"device": "cpu", "device_name": "x86_64", "threads": "2"},
        ),
        outcome=Outcome(
            metrics=_metrics(protocols, clean, after, target, qualities),
            floors=_floors(target),
            imagery={"psnr": 34.5, "ssim": 0.95, "linf": epsilon, "l2": 0.9, "clipped": 0.0, "hamming": 11.0},
            cost=Cost(forward=20_000, backward=20_000, seconds=2.5, queries=queries, learning=learning),
            flags=flags,
        ),
    )
    return with_digest(record) if digest is None else replace(record, digest=digest)


def with_digest(record: Record) -> Record:
    """The record with the right digest, after a test changed it. Other numbers make another digest."""
    conditions = record.conditions
    versions = {name: version for name, version in conditions.versions.items() if name != _MADE_UP}
    plain = replace(record, digest="", conditions=replace(conditions, versions=versions))
    versions[_MADE_UP] = _sha(plain.to_json())[:12]
    made = replace(plain, conditions=replace(conditions, versions=versions))
    return replace(made, digest=digest(made.identity()))


def _metrics(
    protocols: Mapping[str, str], clean: float, after: float, target: float | None, qualities: tuple[int, ...]
) -> dict[str, dict[Against, dict[str, Measure]]]:
    values = {Against.OWN: (clean, after)} | ({} if target is None else {Against.TARGET: (0.12, target)})
    return {
        stage: {
            against: {name: make_measure(pair[not is_clean(stage)]) for name in protocols}
            for against, pair in values.items()
        }
        for stage in stages_of(qualities)
    }


def _floors(target: float | None) -> dict[Against, dict[str, float]]:
    floors = {Against.OWN: {"random": 0.1, "worst": 0.05}}
    return floors if target is None else floors | {Against.TARGET: {"random": 0.11, "anchor": 0.95}}


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
