"""The plugin host: finds plugins, loads each in isolation, and looks them up by name. Importable without torch."""

import importlib
import os
import traceback
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from robusthash import hookspecs
from robusthash.boundary import foreign, own, time_limit, told
from robusthash.errors import (
    AmbiguousNameError,
    OptionError,
    PluginError,
    RobustHashError,
    UnknownNameError,
)
from robusthash.frozen import freeze
from robusthash.host.discovery import (
    CORE,
    PLUGINS_VARIABLE,
    Candidate,
    Owner,
    allowed_names,
    discover,
    same_name,
    select,
)
from robusthash.host.files import plugin_files
from robusthash.host.problems import PluginProblem, ignore
from robusthash.host.registration import OBSERVERS, PluginKind, Registered, register
from robusthash.options import build_options, convert

__all__ = ["Owner", "PluginHost", "PluginKind", "PluginProblem", "Registered"]

_BUILTIN = "robusthash.host.builtin"


class PluginHost:
    """The plugins of one process. Create it with :meth:`load`.

    Args:
        report: called with each problem as it is found.
    """

    def __init__(self, *, report: Callable[[PluginProblem], None] = ignore) -> None:
        self._manager = pluggy.PluginManager("robusthash")
        self._manager.add_hookspecs(hookspecs)
        self._registry: dict[PluginKind, list[Registered]] = {kind: [] for kind in PluginKind}
        self._candidates: dict[str, Candidate] = {}
        self._problems: list[PluginProblem] = []
        self._excluded: tuple[Candidate, ...] = ()
        self._report = report

    @classmethod
    def load(
        cls,
        *,
        strict: bool = False,
        allow: Collection[str] | None = None,
        entry_points: Iterable[EntryPoint] | None = None,
        report: Callable[[PluginProblem], None] = ignore,
    ) -> "PluginHost":
        """Loads the core's own plugin and every installed one that is allowed, one entry point at a time.

        A plugin that cannot be imported, violates the interface or needs another version of it is not loaded, and
        becomes a :class:`PluginProblem`.

        Args:
            strict: raise an error if there are problems.
            allow: distributions or entry points to load besides the core; others are not imported. None reads
                the comma-separated list in the environment variable ``ROBUSTHASH_PLUGINS``; if that is not set,
                all are loaded.
            entry_points: instead of those installed.
            report: called with each problem as it is found.

        Files that ``ROBUSTHASH_PLUGIN_FILES`` names are loaded after them, whatever the allow-list says.

        Raises:
            UnknownNameError: the allow-list names something that is not installed.
            UsageError: a plugin file is not there, or not Python.
            PluginError: a plugin file cannot be loaded; or, with ``strict``, an installed plugin: after all were tried,
                it names all problems.
        """
        host = cls(report=report)
        host._add(Candidate(owner=CORE, name="builtin", load=lambda: importlib.import_module(_BUILTIN)))
        where = PLUGINS_VARIABLE if allow is None else None
        names = allowed_names(os.environ) if allow is None else frozenset(allow)
        chosen, host._excluded = select(discover(entry_points), names, where=where)
        files = plugin_files(os.environ) if entry_points is None else ()
        for candidate in (*chosen, *files):
            host._add(candidate)
        if strict and host._problems:
            messages = "; ".join(problem.message for problem in host._problems)
            raise PluginError(messages, hint="robusthash plugins doctor shows why; fix or uninstall the broken plugins")
        return host

    @property
    def problems(self) -> tuple[PluginProblem, ...]:
        """All problems so far."""
        return tuple(self._problems)

    @property
    def owners(self) -> tuple[Owner, ...]:
        """The distributions with a loaded plugin, sorted."""
        return tuple(sorted({candidate.owner for candidate in self._candidates.values()}))

    @property
    def excluded(self) -> tuple[Owner, ...]:
        """The distributions that the allow-list excludes, wholly or in part, sorted."""
        return tuple(sorted({candidate.owner for candidate in self._excluded}))

    def all(self, kind: PluginKind) -> list[Registered]:
        """All plugin objects of one kind, sorted by name."""
        return sorted(self._registry[kind], key=lambda registered: (registered.spec.name, registered.full_name))

    def observers(self, owner: Owner) -> list[object]:
        """The modules of a distribution, or of the core, that have an observer hook."""
        hooks = [getattr(self._manager.hook, hook) for hook in OBSERVERS]
        observing = {id(one.plugin) for hook in hooks for one in hook.get_hookimpls()}
        named = self._manager.list_name_plugin()
        return [one for key, one in named if self._candidates[key].owner == owner and id(one) in observing]

    def duplicates(self) -> list[tuple[Registered, ...]]:
        """Names with several owners. ``distribution/name`` is still unique."""
        groups: dict[tuple[PluginKind, str], list[Registered]] = defaultdict(list)
        for kind in PluginKind:
            for registered in self.all(kind):
                groups[kind, registered.spec.name].append(registered)
        return [tuple(group) for group in groups.values() if len(group) > 1]

    def find(self, kind: PluginKind, name: str, *, where: str | None = None) -> Registered:
        """Looks up a plugin object by its name, or by ``distribution/name``.

        Args:
            kind: of the plugin object.
            name: short or full.
            where: the option or file that the name comes from, for the error.

        Raises:
            UnknownNameError: there is none. The hint suggests the closest name and names plugins that are not loaded.
            AmbiguousNameError: several distributions have the short name.
        """
        matches = self._matches(kind, name)
        if len(matches) > 1:
            raise AmbiguousNameError(kind, name, (registered.owner.distribution for registered in matches))
        if not matches:
            raise self._unknown(kind, name, where)
        return matches[0]

    def find_all(self, name: str) -> list[Registered]:
        """Looks up the plugin objects of all kinds by name, or by ``distribution/name``.

        Raises:
            UnknownNameError: there is none.
            AmbiguousNameError: several distributions have the short name.
        """
        found = [self.find(kind, name) for kind in PluginKind if self._matches(kind, name)]
        if not found:
            raise self._unknown(None, name, None)
        return found

    def resolve(self, registered: Registered) -> type:
        """The class behind a spec; its module is imported on first use.

        Raises:
            PluginError: it cannot be imported, or is not a class; the message names distribution, version and factory.
            MissingDependencyError: raised by the plugin.
        """
        module, _, attribute = registered.spec.factory.partition(":")
        with foreign(registered.whose, f"be imported from {registered.spec.factory}"), time_limit():
            found = getattr(importlib.import_module(module), attribute)
            kind = type(found).__name__
        if not isinstance(found, type):
            raise PluginError(
                f"{registered.spec.factory}, the {registered.kind} {registered.spec.name!r} of {registered.owner}, is "
                f"of type {kind}",
                hint="a factory must be a class: a frozen keyword-only dataclass of options",
            )
        return found

    def create(self, registered: Registered, options: Mapping[str, Any] | None = None) -> Any:
        """Creates the plugin object with the spec's options, overridden by the user's.

        Args:
            registered: the spec and its owner.
            options: by field name, as for :func:`robusthash.options.convert`.

        Raises:
            OptionError: an option's name or value is wrong.
            PluginError: as for :meth:`resolve`; the spec's own options do not fit its class; its constructor fails; or
                the class is not a dataclass, or has a field with a type that options cannot have.
        """
        cls = self.resolve(registered)
        name = registered.spec.name
        with foreign(registered.whose, "be created"):
            try:
                preset = convert(cls, registered.spec.options, where=name)
            except OptionError as error:
                raise PluginError(
                    f"the spec of {registered.whose} does not fit its class: {error.message}", hint=error.hint
                ) from error
            made: Any = build_options(cls, {**preset, **convert(cls, options or {}, where=name)}, where=name)
        own(made, registered.whose)
        return made

    def notify(self, hook: str, **arguments: Any) -> None:
        """Calls an observer hook of each plugin that has it. An exception in one is recorded as a problem.

        Observers get deep copies of the arguments, which they cannot change.

        Args:
            hook: like ``robusthash_cell_finished``.
            arguments: as the hook's specification names them.

        Raises:
            AttributeError: there is no such hook.
        """
        if not getattr(self._manager.hook, hook).get_hookimpls():
            return
        frozen = {name: freeze(value) for name, value in arguments.items()}
        for name, plugin in self._manager.list_name_plugin():
            others = [other for _, other in self._manager.list_name_plugin() if other is not plugin]
            candidate = self._candidates[name]
            try:
                with foreign(candidate.whose, f"observe {hook}"):
                    self._manager.subset_hook_caller(hook, others)(**frozen)
            except RobustHashError as error:
                self._record(candidate, self._named(candidate, error))

    def _add(self, candidate: Candidate) -> None:
        try:
            with foreign(candidate.whose, "be loaded"), time_limit():
                found = register(self._manager, candidate, self._names(candidate.owner))
        except RobustHashError as error:
            message = f"not loaded: {self._named(candidate, error)}"
            if candidate.required:
                raise PluginError(message, hint="fix the file, or leave it out") from error
            self._record(candidate, message)
            return
        self._candidates[candidate.key] = candidate
        for registered in found:
            self._registry[registered.kind].append(registered)

    def _names(self, owner: Owner) -> set[tuple[PluginKind, str]]:
        return {
            (kind, registered.spec.name)
            for kind, everything in self._registry.items()
            for registered in everything
            if registered.owner == owner
        }

    @staticmethod
    def _named(candidate: Candidate, error: RobustHashError) -> str:
        """The text of an error in one line; it names the plugin, which errors of usage do not."""
        text = told(error) if error.__cause__ is None else error.message  # the hint is the doctor, in every case
        return text if candidate.whose.owner in text else f"{candidate.whose}: {text}"

    def _record(self, candidate: Candidate, message: str) -> None:
        problem = PluginProblem(
            owner=candidate.owner,
            entry_point=candidate.name,
            message=message,
            details=traceback.format_exc(),
            loaded=candidate.key in self._candidates,
        )
        self._problems.append(problem)
        self._report(problem)

    def _matches(self, kind: PluginKind, name: str) -> list[Registered]:
        short = [registered for registered in self._registry[kind] if registered.spec.name == name]
        distribution, _, rest = name.partition("/")
        full = {name, f"{same_name(distribution)}/{rest}"}
        return short or [registered for registered in self._registry[kind] if registered.full_name in full]

    def _unknown(self, kind: PluginKind | None, name: str, where: str | None) -> UnknownNameError:
        known = {
            registered.spec.name
            for one in (PluginKind if kind is None else (kind,))
            for registered in self._registry[one]
        }
        error = UnknownNameError(kind or "plugin object", name, known, where=where)
        missing = []
        broken = sorted({problem.owner for problem in self._problems if not problem.loaded})
        if broken:
            missing.append(f"failed to load: {', '.join(map(str, broken))} (see robusthash plugins doctor)")
        if self._excluded:
            missing.append(f"excluded by the allow-list: {', '.join(map(str, self.excluded))}")
        error.hint = "; ".join([*filter(None, [error.hint]), *missing])
        return error
