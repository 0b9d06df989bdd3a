"""Registers one plugin with the plugin manager, completely or not at all. Importable without torch."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from inspect import isfunction

import pluggy
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from robusthash import hookspecs
from robusthash.boundary import Whose
from robusthash.errors import PluginError, SpecError
from robusthash.host.discovery import Candidate, Owner
from robusthash.specs import (
    API_VERSION,
    AttackSpec,
    BackboneSpec,
    DatasetSpec,
    DefenseSpec,
    ExecutorSpec,
    MetricSpec,
    ModelSpec,
    RetrieverSpec,
    Spec,
)

PREFIX = "robusthash_"


class PluginKind(StrEnum):
    """The kinds of plugin objects."""

    MODEL = "model"
    BACKBONE = "backbone"
    ATTACK = "attack"
    DEFENSE = "defense"
    RETRIEVER = "retriever"
    DATASET = "dataset"
    METRIC = "metric"
    EXECUTOR = "executor"

    @property
    def hook(self) -> str:
        """The hook that yields specs of this kind."""
        return f"{PREFIX}{self}s"

    @property
    def spec(self) -> type[Spec]:
        """The class of these specs."""
        return _SPECS[self]


_SPECS: dict[PluginKind, type[Spec]] = {
    PluginKind.MODEL: ModelSpec,
    PluginKind.BACKBONE: BackboneSpec,
    PluginKind.ATTACK: AttackSpec,
    PluginKind.DEFENSE: DefenseSpec,
    PluginKind.RETRIEVER: RetrieverSpec,
    PluginKind.DATASET: DatasetSpec,
    PluginKind.METRIC: MetricSpec,
    PluginKind.EXECUTOR: ExecutorSpec,
}


#: Hooks that observe a run: all that yield no specs.
OBSERVERS: tuple[str, ...] = tuple(
    name for name in hookspecs.__all__ if name.startswith(PREFIX) and name not in {kind.hook for kind in PluginKind}
)


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A spec, and its owner.

    Attributes:
        kind: of the plugin object.
        spec: as the plugin yielded it.
        owner: distribution and version.
    """

    kind: PluginKind
    spec: Spec
    owner: Owner

    @property
    def full_name(self) -> str:
        """``distribution/name``, which is unique."""
        return f"{self.owner.distribution}/{self.spec.name}"

    @property
    def whose(self) -> Whose:
        """Whose code it is, for errors."""
        return Whose(what=f"{self.kind} {self.spec.name!r}", owner=str(self.owner))


def register(
    manager: pluggy.PluginManager, candidate: Candidate, taken: Collection[tuple[PluginKind, str]]
) -> list[Registered]:
    """Imports a plugin, registers it and collects its specs. An exception leaves nothing of it in the manager.

    Args:
        manager: the plugin manager, with the hook specifications.
        candidate: the plugin.
        taken: kinds and names that the same distribution already has.

    Returns:
        All specs of the plugin.

    Raises:
        PluginError: it is not a plugin of this interface, or needs another version of it.
        SpecError: it yielded something that is not a valid spec.
        Exception: raised by importing it or by one of its hooks.
    """
    plugin = candidate.load()
    _check_interface(plugin)
    _check_hooks(manager, plugin)
    if manager.is_registered(plugin):
        raise PluginError("another entry point names the same plugin", hint="remove one of the two")
    try:
        manager.register(plugin, candidate.key)
        return _collect(manager, plugin, candidate.owner, taken)
    except BaseException:
        manager.unregister(name=candidate.key)
        raise


def _check_interface(plugin: object) -> None:
    """Refuses a plugin whose ``requires_api`` names other versions, before any of its hooks is called."""
    required = getattr(plugin, "requires_api", None)
    if required is not None and not _is_satisfied(required):
        raise PluginError(
            f"it needs plugin interface {required}, this robusthash has {API_VERSION}",
            hint="install compatible versions of the two",
        )


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Rejects what pluggy ignores: hooks that are never called, because of a typo or a missing decorator."""
    known = {name for name in dir(hookspecs) if name.startswith(PREFIX)}
    implemented = set()
    for name in dir(plugin):
        marks = manager.parse_hookimpl_opts(plugin, name)
        if marks is None:
            if name in known and isfunction(getattr(plugin, name)):
                raise PluginError(f"{name} is not marked as a hook", hint="decorate it with @robusthash.hookimpl")
            continue
        hook = marks.get("specname") or name
        if hook in known:
            implemented.add(hook)
        elif not marks.get("optionalhook"):
            near = get_close_matches(hook, sorted(known), n=1)
            raise PluginError(
                f"unknown hook {hook!r}", hint=f"did you mean {near[0]!r}?" if near else f"hooks: {sorted(known)}"
            )
    if not implemented:
        raise PluginError(
            "it implements no hook", hint="the entry point must name the module with the @hookimpl functions"
        )


def _collect(
    manager: pluggy.PluginManager, plugin: object, owner: Owner, taken: Collection[tuple[PluginKind, str]]
) -> list[Registered]:
    others = manager.get_plugins() - {plugin}
    names = set(taken)
    found = []
    for kind in PluginKind:
        for spec in _specs(manager, kind, others):
            if (kind, spec.name) in names:
                raise SpecError(f"{kind} {spec.name!r} is yielded twice", hint="names must be unique")
            names.add((kind, spec.name))
            found.append(Registered(kind=kind, spec=spec, owner=owner))
    return found


def _specs(manager: pluggy.PluginManager, kind: PluginKind, others: Collection[object]) -> Iterator[Spec]:
    for result in manager.subset_hook_caller(kind.hook, others)():
        try:
            specs = iter(result)
        except TypeError:
            raise SpecError(
                f"{kind.hook} returned {type(result).__name__}", hint=f"yield instances of {kind.spec.__name__}"
            ) from None
        for spec in specs:
            _check_spec(kind, spec)
            yield spec


def _check_spec(kind: PluginKind, spec: object) -> None:
    if not isinstance(spec, kind.spec):
        raise SpecError(f"{kind.hook} yielded {type(spec).__name__}", hint=f"yield instances of {kind.spec.__name__}")
    kind.spec.__post_init__(spec)  # a subclass may have skipped it
    if not isinstance(spec.options, Mapping) or not all(isinstance(name, str) for name in spec.options):
        raise SpecError(f"bad options of {kind} {spec.name!r}", hint="a mapping from field names to values")
    if not _is_satisfied(spec.requires_api):
        raise PluginError(
            f"{kind} {spec.name!r} needs plugin interface {spec.requires_api}, this robusthash has {API_VERSION}",
            hint="install compatible versions of the two",
        )


@cache
def _is_satisfied(requires_api: str) -> bool:
    try:
        return SpecifierSet(requires_api).contains(API_VERSION, prereleases=True)
    except (InvalidSpecifier, AttributeError, TypeError) as error:
        raise SpecError(f"bad requires_api {requires_api!r}", hint="write a version range like '>=1,<2'") from error
