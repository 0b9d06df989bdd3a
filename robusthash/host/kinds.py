"""The classes that an object of each kind may have. Importable without torch: the classes are imported on use."""

from importlib import import_module

from robusthash.errors import ContractError
from robusthash.host.registration import PluginKind, Registered

_CLASSES: dict[PluginKind, tuple[str, ...]] = {
    PluginKind.MODEL: ("Objective", "CrossModalObjective", "ClosedForm", "Descriptor", "ReadyModel"),
    PluginKind.BACKBONE: ("Backbone", "TextBackbone"),
    PluginKind.ATTACK: ("Attack",),
    PluginKind.DEFENSE: ("Defense",),
    PluginKind.RETRIEVER: ("Retriever",),
    PluginKind.DATASET: ("Dataset",),
    PluginKind.METRIC: ("RankingMetric",),
    PluginKind.EXECUTOR: ("Executor",),
}


def classes_of(kind: PluginKind) -> tuple[type, ...]:
    """The base classes of a kind, one of which its objects have."""
    home = import_module("robusthash.metrics" if kind is PluginKind.METRIC else "robusthash.contracts")
    return tuple(getattr(home, name) for name in _CLASSES[kind])


def check_kind(made: object, registered: Registered) -> None:
    """Refuses an object that is not of the kind under which it is registered.

    Raises:
        ContractError: it is not.
    """
    if not isinstance(made, classes_of(registered.kind)):
        raise ContractError(
            f"{registered.kind} {registered.spec.name!r} of {registered.owner} is a {type(made).__name__}, "
            f"not a {' or '.join(_CLASSES[registered.kind])}",
            hint="report it to the plugin's author",
        )
