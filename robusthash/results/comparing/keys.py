"""What makes two victims or two attacks the same: their settings in one normal form, however they came to be read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from robusthash.results.records.parts import AttackUse, ModelUse, VictimUse, size_label
from robusthash.specs import Direction, Distance, Goal, PluginUse
from robusthash.storage import digest

_CHECKPOINT = "checkpoint"  #: in a model's options: the name of its file, which is another for each code length
_EXACT = 2**53  #: a float beyond it has no neighbour that is one larger


@dataclass(frozen=True, kw_only=True)
class PluginKey:
    """A use of a plugin, whatever the version of its code.

    Attributes:
        name: its registered name.
        settings: distribution and options by path, each as JSON, sorted: the order of options makes no other use.
    """

    name: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ModelKey:
    """A model's weights.

    Attributes:
        name: of the method.
        distance: how its outputs are compared.
        size: code length or dimension; None is any.
        digest: of the weights; of how they were made, for any size.
    """

    name: str
    distance: Distance
    size: int | None
    digest: str

    def __str__(self) -> str:
        """Its name where it has no namesakes: ``dpsh 32 bit``, or ``dpsh`` of any size."""
        return self.name if self.size is None else f"{self.name} {size_label(self.size, self.distance)}"


@dataclass(frozen=True, kw_only=True)
class VictimKey:
    """What is attacked and scored."""

    model: ModelKey
    defense: PluginKey | None
    direction: Direction


@dataclass(frozen=True, kw_only=True)
class AttackKey:
    """What perturbs the queries: crafted on another model, it is another attack."""

    goal: Goal
    method: PluginKey
    surrogate: ModelKey | None


def plugin_key(use: PluginUse) -> PluginKey:
    """What makes two uses of a plugin the same."""
    return _plugin_key(use, use.options)


def model_key(model: ModelUse, *, any_size: bool = False) -> ModelKey:
    """What makes two models the same.

    Args:
        model: as the record has it.
        any_size: leave the code length open. Weights differ from length to length: how they were made stands for them.
    """
    if not any_size:
        return ModelKey(name=model.name, distance=model.distance, size=model.size, digest=model.digest)
    options = {name: value for name, value in model.options.items() if name != _CHECKPOINT}
    made = digest({"backbone": model.backbone, "options": _normal(options)})
    return ModelKey(name=model.name, distance=model.distance, size=None, digest=made)


def victim_key(victim: VictimUse, *, any_size: bool = False) -> VictimKey:
    """What makes two victims the same; likewise."""
    return VictimKey(
        model=model_key(victim.model, any_size=any_size),
        defense=plugin_key(victim.defense) if victim.defense else None,
        direction=victim.direction,
    )


def method_key(attack: AttackUse, *, any_effort: bool = False) -> PluginKey:
    """What makes two attacks the same, whatever they were crafted on: how their passes were computed is a setting too.

    Args:
        attack: as the record has it.
        any_effort: leave open how long it runs.
    """
    effort = attack.effort.option if any_effort and attack.effort else None
    options = {name: value for name, value in attack.options.items() if name != effort}
    return _plugin_key(attack, {**options, "precision": attack.precision, "compiled": attack.compiled})


def attack_key(attack: AttackUse, *, any_effort: bool = False, any_size: bool = False) -> AttackKey:
    """What makes two attacks the same.

    Args:
        attack: as the record has it.
        any_effort: leave open how long it runs.
        any_size: leave the surrogate's code length open.
    """
    return AttackKey(
        goal=attack.goal,
        method=method_key(attack, any_effort=any_effort),
        surrogate=model_key(attack.surrogate, any_size=any_size) if attack.surrogate else None,
    )


def _plugin_key(use: PluginUse, options: Mapping[str, object]) -> PluginKey:
    settings = {"by": use.owner.partition(" ")[0], **dict(_flat(options))}
    return PluginKey(name=use.name, settings=tuple(sorted((path, _json(one)) for path, one in settings.items())))


def _flat(options: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Options by name, those inside a mapping by their path: ``members.hinge.steps``.

    The mapping's own name stands for its keys. A member of an ensemble has its owner among its options, whose version
    is left out as that of any other.
    """
    for name, value in options.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            yield path, ",".join(sorted(map(str, value)))
            yield from _flat(value, f"{path}.")
        else:
            yield path, str(value).partition(" ")[0] if above and name == "owner" else value


def _json(value: object) -> str:
    return json.dumps(_normal(value), sort_keys=True, default=str)


def _normal(value: object) -> object:
    """A value as any of its forms comes out of JSON: lists for tuples, whole numbers without a fraction."""
    if isinstance(value, Mapping):
        return {str(name): _normal(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value
