"""When two victims or two attacks are the same: keys with their settings in a normal form."""

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

from robusthash.files.storage import digest
from robusthash.results.records.parts import AttackUse, ModelUse, size_label
from robusthash.results.records.record import Record
from robusthash.specs import Direction, Distance, Goal, PluginUse

_CHECKPOINT = "checkpoint"  #: option of a model: the name of its file, which differs from code length to code length
_ENCODER = json.JSONEncoder(sort_keys=True, default=str)  #: made once: json.dumps makes one per call
_EXACT = 2**53  #: up to here, floats represent every integer


@dataclass(frozen=True, kw_only=True)
class PluginKey:
    """A plugin with its options, regardless of its version.

    Attributes:
        name: its registered name.
        settings: distribution and options by path, each as JSON, sorted: the order of options does not matter.
    """

    name: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ModelKey:
    """A model.

    Attributes:
        name: of the method.
        distance: in which its outputs are searched.
        size: code length or dimension; None for models of any size.
        digest: of the weights; for models of any size, of how they were trained.
    """

    name: str
    distance: Distance
    size: int | None
    digest: str

    def __str__(self) -> str:
        """Its name if it is unique: ``dpsh 32 bit``, or ``dpsh`` for any size."""
        return self.name if self.size is None else f"{self.name} {size_label(self.size, self.distance)}"


@dataclass(frozen=True, kw_only=True)
class VictimKey:
    """A victim.

    Attributes:
        model: the model.
        defense: the defense; None for an undefended model.
        direction: what searches for what.
        index: the retriever, if the lists that it returns are scored; None if the codes are.
    """

    model: ModelKey
    defense: PluginKey | None
    direction: Direction
    index: PluginKey | None = None


@dataclass(frozen=True, kw_only=True)
class AttackKey:
    """An attack. The same method crafted on another model is another attack.

    Attributes:
        goal: of the attack.
        method: regardless of what it is crafted on.
        surrogate: the model that it is crafted on; None if that is the victim.
        fitted: digest of what it had learnt before the run; None if there was nothing.
    """

    goal: Goal
    method: PluginKey
    surrogate: ModelKey | None
    fitted: str | None = None


def plugin_key(use: PluginUse) -> PluginKey:
    """The key of a plugin with its options."""
    return _plugin_key(use, use.options)


def model_key(model: ModelUse, *, any_size: bool = False) -> ModelKey:
    """The key of a model.

    Args:
        model: the model.
        any_size: leave the size open, and with it the weights, which differ from size to size.
    """
    if not any_size:
        return ModelKey(name=model.name, distance=model.distance, size=model.size, digest=model.digest)
    options = {name: value for name, value in model.options.items() if name != _CHECKPOINT}
    made = digest({"backbone": model.backbone, "options": _normal(options)})
    return ModelKey(name=model.name, distance=model.distance, size=None, digest=made)


def victim_key(record: Record, *, any_size: bool = False) -> VictimKey:
    """The key of a record's victim.

    Args:
        record: any.
        any_size: leave the size of its model open.
    """
    victim, index = record.victim, record.scoring.index
    return VictimKey(
        model=model_key(victim.model, any_size=any_size),
        defense=plugin_key(victim.defense) if victim.defense else None,
        direction=victim.direction,
        index=plugin_key(index) if index else None,
    )


def reference_key(record: Record) -> Hashable:
    """What a record and that of the reference attack beside it have in common: victim, queries, radius and seed."""
    return victim_key(record), record.dataset.query_digest, record.attack.radius, record.conditions.seed


def method_key(attack: AttackUse, *, any_effort: bool = False) -> PluginKey:
    """The key of an attack regardless of what it is crafted on. Precision and compilation are among its settings.

    Args:
        attack: the attack.
        any_effort: leave its effort open.
    """
    effort = attack.effort.option if any_effort and attack.effort else None
    options = {name: value for name, value in attack.options.items() if name != effort}
    return _plugin_key(attack, {**options, "precision": attack.precision, "compiled": attack.compiled})


def attack_key(attack: AttackUse, *, any_effort: bool = False, any_size: bool = False) -> AttackKey:
    """The key of an attack.

    Args:
        attack: the attack.
        any_effort: leave its effort open.
        any_size: leave the size of its surrogate open, and with it what was learnt on it.
    """
    return AttackKey(
        goal=attack.goal,
        method=method_key(attack, any_effort=any_effort),
        surrogate=model_key(attack.surrogate, any_size=any_size) if attack.surrogate else None,
        fitted=attack.fitted.digest if attack.fitted and not any_size else None,
    )


def _plugin_key(use: PluginUse, options: Mapping[str, object]) -> PluginKey:
    settings = {"by": use.owner.partition(" ")[0], **dict(_flat(options))}
    return PluginKey(name=use.name, settings=tuple(sorted((path, _json(one)) for path, one in settings.items())))


def _flat(options: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Options by name; those in a nested mapping by path: ``members.hinge.steps``.

    The name of a mapping stands for its keys. The owner of an ensemble's member is among the member's options; its
    version is omitted, as for any plugin.
    """
    for name, value in options.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            yield path, ",".join(sorted(map(str, value)))
            yield from _flat(value, f"{path}.")
        else:
            yield path, str(value).partition(" ")[0] if above and name == "owner" else value


def _json(value: object) -> str:
    return _ENCODER.encode(_normal(value))


def _normal(value: object) -> object:
    """The normal form of a value: lists for tuples, integers for floats without a fraction."""
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, Mapping):
        return {str(name): _normal(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value
