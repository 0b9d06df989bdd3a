"""Made-up records, for tests of what reads them: observers, tables, gates."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from robusthash.results.records.record import Cost, DatasetUse, Flag, Measure, ModelUse, Record
from robusthash.specs import PluginUse

OWNER = "sample-plugin 1.0"  #: distribution and version of every plugin in these records


def make_measure(value: float) -> Measure:
    """A number with an interval and a tie band of one hundredth around it."""
    return Measure(value=value, low=value - 0.01, high=value + 0.01, worst=value - 0.005, best=value + 0.005)


def make_model(name: str = "dpsh", *, bits: int = 32, weights: str = "a1") -> ModelUse:
    """A model, as victim or as surrogate: the digest of its weights is made from ``weights``."""
    return ModelUse(name=name, owner=OWNER, bits=bits, backbone="convnet", digest=_sha(weights))


def make_record(
    *,
    model: str = "dpsh",
    bits: int = 32,
    weights: str = "a1",
    defense: str | None = None,
    attack: str = "rnm",
    options: Mapping[str, Any] | None = None,
    clean: float = 0.9,
    after: float = 0.3,
    target: float | None = None,
    epsilon: float = 8 / 255,
    flags: tuple[Flag, ...] = (),
    surrogate: ModelUse | None = None,
    queries: int = 0,
    **changes: Any,
) -> Record:
    """A whole record with the numbers that a test is about.

    Args:
        model: name of the victim.
        bits: code length.
        weights: what the digest of the weights is made from.
        defense: name of what hardened it.
        attack: name of the attack.
        options: of the attack.
        clean: MAP of the clean queries.
        after: MAP after the attack.
        target: t-MAP after the attack, which makes it a targeted one.
        epsilon: radius.
        flags: soundness checks that failed.
        surrogate: the model that the attack was crafted on, as of :func:`make_model`; None is the victim.
        queries: images that the victim's service was asked about, of the 200 queries together.
        changes: any field of :class:`~robusthash.results.Record`, taken as it is. The digest is made from all of the
            above unless it is given.
    """
    stages = {"clean": {"map": make_measure(clean)}, "adversarial": {"map": make_measure(after)}}
    stages["unrounded"] = stages["adversarial"]
    floors = {"random": 0.1, "worst": 0.05}
    if target is not None:
        stages = {stage: {**measures, "t-map": make_measure(target)} for stage, measures in stages.items()}
        stages["clean"]["t-map"] = make_measure(0.12)
        floors |= {"t-random": 0.11, "t-anchor": 0.95}
    record = Record(
        digest="",
        dataset=DatasetUse(
            name="digits", owner=OWNER, digest=_sha("digits"), queries=200, query_digest=_sha("queries"), database=1297
        ),
        model=make_model(model, bits=bits, weights=weights),
        defense=PluginUse(name=defense, owner=OWNER) if defense else None,
        attack=PluginUse(name=attack, owner=OWNER, options=options or {}),
        goal="untargeted" if target is None else "targeted",
        epsilon=epsilon,
        seed=0,
        relevance="share-any",
        retriever=PluginUse(name="torch", owner=OWNER),
        shard_size=128,
        metrics=stages,
        floors=floors,
        imagery={"psnr": 34.5, "ssim": 0.95, "linf": epsilon, "l2": 0.9, "clipped": 0.0, "hamming": 11.0},
        protocols={"map": "map/tie-expected"},
        cost=Cost(forward=20_000, backward=20_000, seconds=2.5, queries=queries),
        flags=flags,
        versions={"robusthash": "0.1.0", "torch": "2.5.0"},
        environment={"device": "cpu", "device_name": "x86_64", "threads": "2"},
        created="2026-01-02T03:04:05+00:00",
        surrogate=surrogate,
    )
    record = replace(record, **changes)
    return record if record.digest else replace(record, digest=_sha(record.to_json()))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
