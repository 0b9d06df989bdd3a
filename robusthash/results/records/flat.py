"""A record as flat plain values, as on disk; and which of them the digest covers."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from robusthash.results.records.parts import ModelUse
from robusthash.results.records.stages import Against
from robusthash.specs import Direction, Distance, Norm, PluginUse, ScoreBy

if TYPE_CHECKING:
    from robusthash.results.records.record import Record

SCHEMA = 2

_Value = TypeVar("_Value")

#: What the adversarial inputs depend on besides the model that they are crafted on, and what the scores depend on.
_CRAFTING = ("dataset", "attack", "goal", "epsilon", "seed", "shard_size", "precision", "compiled", "versions")
_SCORING = ("defense", "relevance", "protocols", "retriever", "qualities")


def flatten(record: "Record") -> dict[str, Any]:
    """The record as plain values, as :meth:`Record.to_json` writes them."""
    victim, attack, scoring, conditions = record.victim, record.attack, record.scoring, record.conditions
    outcome = record.outcome
    return {
        "schema": SCHEMA,
        "digest": record.digest,
        "created": record.created,
        "dataset": asdict(record.dataset),
        "model": _model(victim.model),
        "defense": asdict(victim.defense) if victim.defense else None,
        "direction": str(victim.direction),
        "attack": asdict(PluginUse(name=attack.name, owner=attack.owner, options=attack.options)),
        "goal": str(attack.goal),
        "epsilon": attack.epsilon,
        # Earlier versions, which know L-infinity alone, go on reading such records, and refuse all others.
        **({} if attack.norm is Norm.LINF else {"norm": str(attack.norm)}),
        **({"inputs": asdict(attack.inputs)} if attack.inputs else {}),
        "surrogate": _model(attack.surrogate) if attack.surrogate else None,
        "role": str(attack.role),
        "effort": asdict(attack.effort) if attack.effort else None,
        "passes": attack.passes,
        "precision": attack.precision,
        "compiled": attack.compiled,
        **({"fitted": asdict(attack.fitted)} if attack.fitted else {}),
        "protocols": dict(scoring.protocols),
        "headline": scoring.headline,
        "relevance": scoring.relevance,
        "retriever": asdict(scoring.retriever),
        "qualities": list(scoring.qualities),
        # Earlier versions, which score codes alone, go on reading such records, and refuse all others.
        **({} if scoring.by is ScoreBy.CODES else {"score_by": str(scoring.by)}),
        "seed": conditions.seed,
        "shard_size": conditions.shard_size,
        "versions": dict(conditions.versions),
        "environment": dict(conditions.environment),
        "metrics": {
            stage: {
                against.qualify(name): asdict(measure)
                for against, found in measures.items()
                for name, measure in found.items()
            }
            for stage, measures in outcome.metrics.items()
        },
        "search": {stage: dict(found) for stage, found in outcome.search.items()},
        "floors": {
            against.qualify(name): value for against, floors in outcome.floors.items() for name, value in floors.items()
        },
        "imagery": dict(outcome.imagery),
        "cost": asdict(outcome.cost),
        "flags": [asdict(flag) for flag in outcome.flags],
        "probe": dict(outcome.probe),
        **({"origins": asdict(record.origins)} if record.origins else {}),
    }


def by_labels(qualified: Mapping[str, _Value]) -> dict[Against, dict[str, _Value]]:
    """Groups values by labels, then by name, given their names on disk.

    >>> by_labels({"map": 0.1, "t-map": 0.9})
    {<Against.OWN: 'own'>: {'map': 0.1}, <Against.TARGET: 'target'>: {'map': 0.9}}
    """
    found: dict[Against, dict[str, _Value]] = {}
    for name, value in qualified.items():
        against, plain = Against.parse(name)
        found.setdefault(against, {})[plain] = value
    return found


def crafting(content: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the adversarial inputs of a flat record depend on, regardless of how they are scored."""
    source = (
        {"model": _identity(content["surrogate"]), "defense": None}
        if content["surrogate"]
        else {"model": _identity(content["model"]), "defense": content["defense"]}
    )
    direction, norm = content.get("direction", Direction.I2I), content.get("norm", Norm.LINF)
    fitted = content.get("fitted")
    return {
        **{name: content[name] for name in _CRAFTING},
        "source": source,
        "device": content["environment"]["device"],
        **({} if direction == Direction.I2I else {"direction": direction}),
        **({} if norm == Norm.LINF else {"norm": norm}),
        **({"fitted": fitted} if fitted else {}),
    }


def identity(content: Mapping[str, Any]) -> dict[str, Any]:
    """Everything in a flat record that could change its numbers.

    Fields that schema 1 did not have are included only if they differ from what schema 1 implied, so that digests of
    records of schema 1 remain valid.
    """
    headline = content.get("headline")
    usual, by = usual_headline(content["protocols"]), content.get("score_by", ScoreBy.CODES)
    return {
        **crafting(content),
        **{name: content[name] for name in _SCORING},
        "model": _identity(content["model"]),
        **({} if headline in (None, usual) else {"headline": headline}),
        **({} if by == ScoreBy.CODES else {"score_by": by}),
    }


def usual_headline(protocols: Mapping[str, str]) -> str:
    """The headline of a record of schema 1, which did not store it."""
    return "map" if "map" in protocols else min(protocols)


def _model(use: ModelUse) -> dict[str, Any]:
    return {**asdict(use), "distance": str(use.distance), "bits": use.bits}


def _identity(model: Mapping[str, Any]) -> dict[str, Any]:
    """A flat model as :meth:`ModelUse.identity` has it."""
    left_out = ("distance", "size") if model.get("distance", Distance.HAMMING) == Distance.HAMMING else ("bits",)
    return {name: value for name, value in model.items() if name not in left_out}
