"""The command lines that make a record's numbers again."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from robusthash.results.records.record import Record
from robusthash.results.rendering.escaping import visible
from robusthash.specs import Direction, Norm, PluginUse, Relevance

_SHOWN = 12  #: digits of a digest
_TRAINING = "train"  #: the option of a model that holds those of its training
_PATHS = frozenset({"checkpoint", "root"})  #: options that name files of whoever made the record


def reproduce_command(record: Record, folder: str) -> str:
    """Makes the attacked queries again and compares them with the record: bytes, codes, numbers.

    Args:
        record: any.
        folder: its results folder, as whoever has the report calls it.
    """
    return f"robusthash reproduce {record.digest[:_SHOWN]} --results {shlex.quote(visible(folder))}"


def eval_command(record: Record) -> str:
    """Evaluates the cell anew, with every option that the record holds.

    What a record does not hold has to be added: where data and own weights are. Options of the members of an ensemble
    are left at their defaults.

    Args:
        record: any.
    """
    return " ".join(shlex.quote(visible(word)) for word in _words(record))


def _words(record: Record) -> Iterator[str]:
    victim, attack, scoring, conditions = record.victim, record.attack, record.scoring, record.conditions
    yield from ("robusthash", "eval", "--model", victim.model.name)
    if victim.model.bits:
        yield from ("--bits", str(victim.model.bits))
    yield from ("--backbone", victim.model.backbone) if victim.model.backbone else ()
    yield from ("--defense", victim.defense.name) if victim.defense else ()
    yield from ("--direction", victim.direction) if victim.direction is not Direction.I2I else ()
    yield from ("--attack", attack.name)
    yield from ("--surrogate", attack.surrogate.name) if attack.surrogate else ()
    yield from ("--fitted", f"{attack.name}.safetensors") if attack.fitted else ()
    yield from _radius(record)
    yield from ("--dataset", record.dataset.name, "--queries", str(record.dataset.queries))
    for metric in sorted(scoring.protocols, key=lambda name: name != scoring.headline):
        yield from ("--metric", metric)
    yield from ("--relevance", scoring.relevance) if scoring.relevance != Relevance.SHARE_ANY else ()
    for quality in scoring.qualities:
        yield from ("--jpeg", str(quality))
    yield from ("--retriever", scoring.retriever.name)
    yield from ("--seed", str(conditions.seed), "--shard-size", str(conditions.shard_size))
    yield from ("--precision", attack.precision) if attack.precision != "float32" else ()
    yield from ("--compile",) if attack.compiled else ()
    device = conditions.environment.get("device", "cpu")
    yield from ("--device", device)
    yield from _options(record)


def _radius(record: Record) -> Iterator[str]:
    attack = record.attack
    if attack.norm.counts:
        yield from ("--edits", f"{attack.norm}:{attack.epsilon:g}")
    else:
        yield from ("--epsilon", f"l2:{attack.epsilon!r}" if attack.norm is Norm.L2 else repr(attack.epsilon))


def _options(record: Record) -> Iterator[str]:
    uses: list[PluginUse | None] = [record.victim.model, record.victim.defense, record.attack, record.attack.surrogate]
    told: dict[str, str] = {}
    for use in (*uses, record.dataset, record.scoring.retriever):
        if use is None:
            continue
        training = use.options.get(_TRAINING)
        if isinstance(training, Mapping):
            told |= {f"{_TRAINING}.{name}": _value(value) for name, value in training.items()}
        plain = {name: value for name, value in use.options.items() if not isinstance(value, Mapping)}
        told |= {f"{use.name}.{name}": _value(value) for name, value in plain.items() if name not in _PATHS}
    for name, value in told.items():
        yield from ("-o", f"{name}={value}")


def _value(value: Any) -> str:
    """An option's value as it is typed.

    >>> _value(None), _value(True), _value([1, 2]), _value(0.5)
    ('none', 'true', '1,2', '0.5')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(_value, value))
    return repr(value) if isinstance(value, float) else str(value)
