"""What victims and attacks are called in one table: the short name, and what tells it from its namesakes."""

import json
from collections import defaultdict
from collections.abc import Iterable

from robusthash.results.record import Record
from robusthash.specs import PluginUse

PluginKey = tuple[str, str]  #: name, and distribution and options as canonical JSON
AttackKey = tuple[str, PluginKey]  #: goal, attack
VictimKey = tuple[str, int, PluginKey | None, str]  #: model, bits, defense, digest of the weights

_DIGITS = 6  #: of a weights digest, in a name


def attack_key(record: Record) -> AttackKey:
    """What makes two attacks the same, whatever the version of their code."""
    return record.goal, _plugin_key(record.attack)


def victim_key(record: Record) -> VictimKey:
    """What makes two victims the same."""
    model = record.model
    return model.name, model.bits, _plugin_key(record.defense) if record.defense else None, model.digest


class Names:
    """Names that are unique among some records.

    An attack or a defense that occurs with several options is named with those in which they differ; a model that
    occurs with several weights, with the digest of its weights.

    Args:
        records: of one table.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        kept = list(records)
        self._attacks = _variants(record.attack for record in kept)
        self._defenses = _variants(record.defense for record in kept if record.defense)
        self._weights: dict[str, set[str]] = defaultdict(set)
        for record in kept:
            self._weights[self._plain(record)].add(record.model.digest)

    def attack(self, record: Record) -> str:
        """Name of a record's attack."""
        return self._attacks[_plugin_key(record.attack)]

    def victim(self, record: Record) -> str:
        """Name of a record's victim: ``dpsh 32 bit + saat``."""
        name = self._plain(record)
        return name if len(self._weights[name]) == 1 else f"{name} @{record.model.digest[:_DIGITS]}"

    def _plain(self, record: Record) -> str:
        name = f"{record.model.name} {record.model.bits} bit"
        return f"{name} + {self._defenses[_plugin_key(record.defense)]}" if record.defense else name


def _settings(use: PluginUse) -> dict[str, object]:
    """Options, and the distribution without its version."""
    return {"by": use.owner.partition(" ")[0], **use.options}


def _plugin_key(use: PluginUse) -> PluginKey:
    return use.name, json.dumps(_settings(use), sort_keys=True, default=str)


def _variants(uses: Iterable[PluginUse]) -> dict[PluginKey, str]:
    """A name for each distinct use: its own, and the settings that differ from those of its namesakes."""
    namesakes: dict[str, dict[PluginKey, dict[str, object]]] = defaultdict(dict)
    for use in uses:
        namesakes[use.name][_plugin_key(use)] = _settings(use)
    names = {}
    for name, settings in namesakes.items():
        fields = sorted({field for one in settings.values() for field in one})
        differing = [field for field in fields if len({str(one.get(field)) for one in settings.values()}) > 1]
        for key, one in settings.items():
            names[key] = " ".join([name, *(f"{field}={_short(one.get(field))}" for field in differing)])
    return names


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
