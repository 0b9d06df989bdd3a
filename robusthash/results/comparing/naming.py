"""What victims and attacks are called in one table: the short name, and what tells it from its namesakes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from robusthash.results.records.parts import ModelUse
from robusthash.results.records.record import Record
from robusthash.specs import PluginUse

PluginKey = tuple[str, str]  #: name, and distribution and options as canonical JSON
ModelKey = tuple[str, int, str]  #: model, bits, digest of the weights
AttackKey = tuple[str, PluginKey, ModelKey | None]  #: goal, attack, surrogate
VictimKey = tuple[str, int, PluginKey | None, str]  #: model, bits, defense, digest of the weights

_DIGITS = 6  #: of a weights digest, in a name


def plugin_key(use: PluginUse) -> PluginKey:
    """What makes two uses of a plugin the same, whatever the version of its code."""
    return use.name, json.dumps(_settings(use), sort_keys=True, default=str)


def surrogate_key(record: Record) -> ModelKey | None:
    """What makes two surrogates the same; None without one."""
    model = record.attack.surrogate
    return (model.name, model.size, model.digest) if model else None


def attack_key(record: Record) -> AttackKey:
    """What makes two attacks the same: crafted on another model, it is another attack."""
    return record.attack.goal, plugin_key(as_run(record)), surrogate_key(record)


def as_run(record: Record) -> PluginUse:
    """A record's attack with how its passes were computed among its options."""
    how = {"precision": record.attack.precision, "compiled": record.attack.compiled}
    return PluginUse(name=record.attack.name, owner=record.attack.owner, options={**record.attack.options, **how})


def victim_key(record: Record) -> VictimKey:
    """What makes two victims the same."""
    model = record.victim.model
    return model.name, model.size, plugin_key(record.victim.defense) if record.victim.defense else None, model.digest


def model_name(model: ModelUse) -> str:
    """A model's name where it has no namesakes: ``dpsh 32 bit``."""
    return f"{model.name} {model.label}"


class Names:
    """Names that are unique among some records.

    An attack or a defense that occurs with several options is named with those in which they differ; a model that
    occurs with several weights, as victim or as surrogate, with the digest of its weights.

    Args:
        records: of one table.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        kept = list(records)
        self._attacks = _variants(as_run(record) for record in kept)
        self._defenses = _variants(record.victim.defense for record in kept if record.victim.defense)
        self._weights: dict[str, set[str]] = defaultdict(set)
        for record in kept:
            self._weights[self._plain(record)].add(record.victim.model.digest)
            if record.attack.surrogate:
                self._weights[model_name(record.attack.surrogate)].add(record.attack.surrogate.digest)

    def attack(self, record: Record) -> str:
        """Name of a record's attack: ``hinge``, or ``hinge from hashnet 32 bit`` if it was crafted on another model."""
        method = self.method(record)
        return f"{method} from {self.surrogate(record.attack.surrogate)}" if record.attack.surrogate else method

    def method(self, record: Record) -> str:
        """Name of a record's attack, whatever it was crafted on."""
        return self._attacks[plugin_key(as_run(record))]

    def surrogate(self, model: ModelUse) -> str:
        """Name of a model that attacks were crafted on: ``hashnet 32 bit``."""
        return self._told_apart(model_name(model), model)

    def victim(self, record: Record) -> str:
        """Name of a record's victim: ``dpsh 32 bit + saat``."""
        return self._told_apart(self._plain(record), record.victim.model)

    def _told_apart(self, name: str, model: ModelUse) -> str:
        return name if len(self._weights[name]) == 1 else f"{name} @{model.digest[:_DIGITS]}"

    def _plain(self, record: Record) -> str:
        name = model_name(record.victim.model)
        return f"{name} + {self._defenses[plugin_key(record.victim.defense)]}" if record.victim.defense else name


def _settings(use: PluginUse) -> dict[str, object]:
    """Options, and the distribution without its version."""
    return {"by": use.owner.partition(" ")[0], **dict(_flat(use.options))}


def _flat(options: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Options by name, those inside a mapping by their path: ``members.hinge.steps``.

    The mapping's own name stands for its keys. A member of an ensemble has its owner among its options, whose version
    is left out as that of any other.
    """
    for name, value in options.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            yield path, ",".join(value)
            yield from _flat(value, f"{path}.")
        else:
            yield path, str(value).partition(" ")[0] if above and name == "owner" else value


def _variants(uses: Iterable[PluginUse]) -> dict[PluginKey, str]:
    """A name for each distinct use: its own, and the settings that differ from those of its namesakes."""
    namesakes: dict[str, dict[PluginKey, dict[str, object]]] = defaultdict(dict)
    for use in uses:
        namesakes[use.name][plugin_key(use)] = _settings(use)
    names = {}
    for name, settings in namesakes.items():
        fields = sorted({field for one in settings.values() for field in one})
        differing = [field for field in fields if _differs(field, list(settings.values()))]
        for key, one in settings.items():
            told = [field for field in differing if field in one or "." not in field]
            names[key] = " ".join([name, *(f"{field}={_short(one.get(field))}" for field in told)])
    return names


def _differs(field: str, settings: list[dict[str, object]]) -> bool:
    """Whether a setting tells some uses apart; what only some mappings hold is told by the mapping's own name."""
    having = [one for one in settings if field in one] if "." in field else settings
    return len({str(one.get(field)) for one in having}) > 1


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
