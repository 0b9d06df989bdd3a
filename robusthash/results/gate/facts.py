"""What is known of a record, in words: what it was measured with, on what, and where it comes from."""

import json
from collections.abc import Mapping

from robusthash.epsilon import Radius, parse_radius
from robusthash.results.comparing.keys import PluginKey, method_key, plugin_key
from robusthash.results.records.record import Record
from robusthash.results.records.stages import is_clean
from robusthash.specs import PluginUse

Facts = Mapping[str, str]

NONE = "none"
INDEX = "index"  #: the retriever, where the lists that it returns are scored

_CHECKPOINT = "checkpoint"  #: option of a model: the name of a file, which differs from release to release


def setting_facts(record: Record, stage: str) -> Facts:
    """Everything that has to be equal for two numbers of a stage to be comparable, but for the metric."""
    dataset, attack = record.dataset, record.attack
    facts = {
        "dataset": dataset.name,
        "split": dataset.digest,
        "queries": str(dataset.queries),
        "query set": dataset.query_digest,
        "database": str(dataset.database),
        "direction": str(record.victim.direction),
        "distance": str(record.victim.model.distance),
        "relevance": record.scoring.relevance,
        "stage": stage,
        "seed": str(record.conditions.seed),
    }
    if is_clean(stage):
        return facts
    surrogate = attack.surrogate
    return {
        **facts,
        "attack": attack.name,
        "goal": str(attack.goal),
        **_radius(attack.radius),
        "surrogate": f"{surrogate.name} {surrogate.label}" if surrogate else NONE,
        **({"surrogate's weights": surrogate.digest} if surrogate else {}),
        **({"fitted": attack.fitted.digest} if attack.fitted else {}),
        **_options("attack", method_key(attack)),
    }


def victim_facts(record: Record) -> Facts:
    """What is measured, without weights and versions: what may change from release to release."""
    model, defense, index = record.victim.model, record.victim.defense, record.scoring.index
    options = {name: value for name, value in model.options.items() if name != _CHECKPOINT}
    return {
        "model": model.name,
        "size": model.label,
        "backbone": model.backbone,
        "defense": defense.name if defense else NONE,
        **_options("model", plugin_key(PluginUse(name=model.name, owner=model.owner, options=options))),
        **(_options("defense", plugin_key(defense)) if defense else {}),
        **({INDEX: index.name, **_options(INDEX, plugin_key(index))} if index else {}),
    }


def origin_facts(record: Record) -> Facts:
    """What does not tell cells apart: digests, the date, and versions."""
    owners = {record.dataset.owner, record.victim.model.owner, record.attack.owner}
    owners |= {record.victim.defense.owner} if record.victim.defense else set()
    plugins = dict(owner.rpartition(" ")[::2] for owner in sorted(owners) if " " in owner)
    versions = {**plugins, **record.conditions.versions}
    return {
        "record": record.digest,
        "weights": record.victim.model.digest,
        "created": record.created,
        **{f"version of {name}": version for name, version in versions.items()},
    }


def frozen(facts: Facts) -> frozenset[tuple[str, str]]:
    """Facts as a key; their order does not matter."""
    return frozenset(facts.items())


def _options(owner: str, key: PluginKey) -> dict[str, str]:
    """Options by path. What stands for a mapping's keys is left out where the keys themselves follow."""
    paths = {path for path, _ in key.settings}
    above = {path[:i] for path in paths for i, one in enumerate(path) if one == "."}
    return {f"{owner}.{path}": _readable(value) for path, value in key.settings if path not in above}


def _readable(value: str) -> str:
    """A JSON value as it is written by hand: a text without quotes, unless it reads like another value."""
    if not value.startswith('"'):
        return value
    text: str = json.loads(value)
    try:
        json.loads(text)
    except ValueError:
        return text
    return value


def _radius(radius: Radius) -> dict[str, str]:
    """The radius by its name, so that edits and epsilons are never compared."""
    if radius.norm.counts:
        return {"edits": radius.text, "norm": str(radius.norm)}
    shown = parse_radius(radius.text)
    exact = isinstance(shown, Radius) and abs(shown.size - radius.size) < 1e-9
    return {"epsilon": radius.text if exact else radius.text.replace(radius.value, repr(radius.size))}
