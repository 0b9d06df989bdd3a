"""Checks what plugin objects declare of themselves, once, where they come in: later uses may rely on it."""

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from robusthash.boundary import foreign, whose
from robusthash.contracts import (
    Attack,
    Backbone,
    CrossModalObjective,
    Descriptor,
    Distance,
    Ensemble,
    Objective,
    ReadyModel,
    Retriever,
    RetrieverCapabilities,
    TextBackbone,
)
from robusthash.errors import ContractError
from robusthash.metrics import RankingMetric
from robusthash.specs import Capability, Goal, Norm

Fits = Callable[[Any], bool]


def _is(kind: type) -> Fits:
    return lambda value: isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _or_none(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


def _set_of(kind: type) -> Fits:
    return lambda value: isinstance(value, frozenset | set) and all(isinstance(one, kind) for one in value)


def _texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def _names_by_modality(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair)


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _per_channel(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(isinstance(one, Real) for one in value)


def _capabilities(value: Any) -> bool:
    return (
        isinstance(value, RetrieverCapabilities)
        and isinstance(value.exact, bool)
        and _or_none(_positive)(value.max_k)
        and _set_of(Distance)(value.distances)
    )


_BOOL, _DISTANCES = ("True or False", _is(bool)), ("a frozenset of Distance", _set_of(Distance))

#: What each contract lets an object declare, by name: in words, and whether a value fits.
_DECLARED: dict[type, dict[str, tuple[str, Fits]]] = {
    Attack: {
        "goal": ("a Goal", _is(Goal)),
        "needs": ("a frozenset of Capability", _set_of(Capability)),
        "distances": _DISTANCES,
        "norms": ("a frozenset of Norm", _set_of(Norm)),
        "modalities": ("a frozenset of names, or None", _or_none(_set_of(str))),
        "averaged": ("an integer of at least 1", _positive),
        "bounded": _BOOL,
        "starts_at": ("the name of an attack, or None", _or_none(_is(str))),
        "refines": _BOOL,
        "learnt_from": ("a frozenset of names of options, or None", _or_none(_set_of(str))),
        "effort": ("the name of an option, or None", _or_none(_is(str))),
    },
    Ensemble: {
        "members": ("a tuple of names", _texts),
        "restarts": ("an integer of at least 1", _positive),
        "broken": ("a number", _is(Real)),
        "sparing": _BOOL,
    },
    Backbone: {
        "image_size": ("an integer of at least 1", _positive),
        "mean": ("three numbers", _per_channel),
        "std": ("three numbers", _per_channel),
        "hash_init_std": ("a number, or None", _or_none(_is(Real))),
        "channels_last": _BOOL,
    },
    Objective: {
        "pairing": ("'bank' or 'batch'", lambda value: value in ("bank", "batch")),
        "refreshed": _BOOL,
        "batch_norm": _BOOL,
    },
    TextBackbone: {"hash_init_std": ("a number, or None", _or_none(_is(Real)))},
    CrossModalObjective: {
        "banked": _BOOL,
        "guided": _BOOL,
        "networks": ("names by modality", _names_by_modality),
    },
    Descriptor: {
        "distance": ("Distance.COSINE or Distance.L2", lambda value: value in (Distance.COSINE, Distance.L2)),
    },
    ReadyModel: {
        "bits": ("an integer of at least 1", _positive),
        "libraries": ("a tuple of names", _texts),
    },
    Retriever: {"capabilities": ("RetrieverCapabilities with fields of the declared types", _capabilities)},
    RankingMetric: {
        "name": ("a text", lambda value: isinstance(value, str) and bool(value)),
        "version": ("an integer", _is(int)),
        "ties": ("a text", _is(str)),
        "distances": _DISTANCES,
    },
}


def check_declared(plugin: object) -> None:
    """Checks every declaration of a plugin object against its contract.

    Args:
        plugin: an object of any kind.

    Raises:
        ContractError: a declaration is of another type, or outside its range.
        PluginError: reading one raised an exception.
    """
    for contract, fields in _DECLARED.items():
        if not isinstance(plugin, contract):
            continue
        with foreign(plugin, f"declare {', '.join(fields)}"):
            for name, (wanted, fits) in fields.items():
                value = getattr(plugin, name)
                if not fits(value):
                    raise ContractError(f"{whose(plugin)} declares {name!r} as {value!r}", hint=f"it must be {wanted}")
