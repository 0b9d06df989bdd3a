"""Names of victims and attacks in a table: short, and unique."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from robusthash.results.comparing.keys import AttackKey, ModelKey, PluginKey, VictimKey, attack_key, victim_key
from robusthash.results.records.record import Record

_DIGITS = 6  #: of the weights' digest, in a name


class Names:
    """Names that are unique in a table.

    If an attack, a defense or an index occurs with several sets of options, its name includes the options that differ.
    If a model occurs with several weights, as a victim or as a surrogate, its name includes the digest of its weights.
    If an attack was run with several things that it had learnt before, its name includes the digest of these.

    Args:
        subjects: the victims and attacks in the table.
    """

    def __init__(self, subjects: Iterable[tuple[VictimKey, AttackKey]]) -> None:
        kept = list(subjects)
        self._methods = _variants(attack.method for _, attack in kept)
        self._defenses = _variants(victim.defense for victim, _ in kept if victim.defense)
        self._indexes = _variants(victim.index for victim, _ in kept if victim.index)
        self._weights: dict[str, set[str]] = defaultdict(set)
        self._fitted: dict[AttackKey, set[str | None]] = defaultdict(set)
        for victim, attack in kept:
            self._fitted[replace(attack, fitted=None)].add(attack.fitted)
            self._weights[self._plain(victim)].add(victim.model.digest)
            if attack.surrogate:
                self._weights[str(attack.surrogate)].add(attack.surrogate.digest)

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Names":
        """Names for a table of these records."""
        return cls((victim_key(record), attack_key(record.attack)) for record in records)

    def attack(self, attack: AttackKey) -> str:
        """The name of an attack: ``hinge``, or ``hinge from hashnet 32 bit`` if it was crafted on another model."""
        method = self.method(attack.method)
        if attack.fitted and len(self._fitted[replace(attack, fitted=None)]) > 1:
            method = f"{method} fitted={attack.fitted[:_DIGITS]}"
        return f"{method} from {self.surrogate(attack.surrogate)}" if attack.surrogate else method

    def method(self, method: PluginKey) -> str:
        """The name of an attack without its surrogate."""
        return self._methods[method]

    def surrogate(self, model: ModelKey) -> str:
        """The name of a surrogate: ``hashnet 32 bit``."""
        return self._told_apart(str(model), model)

    def victim(self, victim: VictimKey) -> str:
        """The name of a victim: ``dpsh 32 bit + saat``, or ``dpsh 32 bit in faiss`` if an index is part of it."""
        return self._told_apart(self._plain(victim), victim.model)

    def _told_apart(self, name: str, model: ModelKey) -> str:
        return name if len(self._weights[name]) == 1 else f"{name} @{model.digest[:_DIGITS]}"

    def _plain(self, victim: VictimKey) -> str:
        name = f"{victim.model} + {self._defenses[victim.defense]}" if victim.defense else str(victim.model)
        return f"{name} in {self._indexes[victim.index]}" if victim.index else name


def _variants(uses: Iterable[PluginKey]) -> dict[PluginKey, str]:
    """A name for each plugin: its own, and the settings in which it differs from others of this name."""
    namesakes: dict[str, dict[PluginKey, dict[str, str]]] = defaultdict(dict)
    for use in uses:
        namesakes[use.name][use] = dict(use.settings)
    names = {}
    for name, settings in namesakes.items():
        fields = sorted({field for one in settings.values() for field in one})
        differing = [field for field in fields if _differs(field, list(settings.values()))]
        for key, one in settings.items():
            told = [field for field in differing if field in one or "." not in field]
            names[key] = " ".join([name, *(f"{field}={_short(one.get(field))}" for field in told)])
    return names


def _differs(field: str, settings: list[dict[str, str]]) -> bool:
    """Whether a setting differs. A nested one counts only where it exists: the mapping's name tells the rest apart."""
    having = [one for one in settings if field in one] if "." in field else settings
    return len({one.get(field) for one in having}) > 1


def _short(setting: str | None) -> str:
    value = None if setting is None else json.loads(setting)
    return f"{value:g}" if isinstance(value, float) else str(value)
