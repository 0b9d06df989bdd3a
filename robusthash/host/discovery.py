"""Finds the installed plugins, and those that the allow-list lets through. Imports none of them."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

from robusthash.boundary import Whose
from robusthash.errors import UnknownNameError
from robusthash.version import __version__

GROUP = "robusthash"
PLUGINS_VARIABLE = "ROBUSTHASH_PLUGINS"

_FILE = "entry_points.txt"


@dataclass(frozen=True, order=True)
class Owner:
    """The distribution, or the single file, that a plugin comes from.

    Attributes:
        distribution: its normalised name, as in package indexes: lower case, with single hyphens. A file's own name.
        version: its version; empty if its metadata gives none. Of a file, a digest of its content.
    """

    distribution: str
    version: str

    def __str__(self) -> str:
        kind = "file " if self.distribution.endswith(".py") else ""  # no normalised name has a dot
        return f"{kind}{self.distribution} {self.version}".rstrip()


CORE = Owner("robusthash", __version__)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A plugin before it is imported.

    Attributes:
        owner: the distribution that it comes from.
        name: of its entry point.
        load: imports it.
        required: whether somebody named it himself, so that it is an error if it cannot be loaded.
    """

    owner: Owner
    name: str
    load: Callable[[], object]
    required: bool = False

    @property
    def key(self) -> str:
        """Its name in the plugin manager."""
        return f"{self.owner.distribution}:{self.name}"

    @property
    def whose(self) -> Whose:
        """Whose code it is, for errors."""
        what = "the plugin" if self.required else f"entry point {self.name!r}"
        return Whose(what=what, owner=str(self.owner))


def same_name(distribution: str) -> str:
    """The normalised name of a distribution.

    >>> same_name("My_Great.Plugin")
    'my-great-plugin'
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def discover(entry_points: Iterable[EntryPoint] | None = None) -> list[Candidate]:
    """All installed plugins, sorted by distribution and entry point.

    Args:
        entry_points: instead of those installed.
    """
    found = _installed() if entry_points is None else (_candidate(_owner(point.dist), point) for point in entry_points)
    return sorted(found, key=lambda candidate: (candidate.owner, candidate.name))


def allowed_names(environment: Mapping[str, str]) -> frozenset[str] | None:
    """The allow-list in ``ROBUSTHASH_PLUGINS``: None if it is not set. An empty one allows only the core."""
    text = environment.get(PLUGINS_VARIABLE)
    return None if text is None else frozenset(name.strip() for name in text.split(",") if name.strip())


def select(
    candidates: Iterable[Candidate], allow: Collection[str] | None, *, where: str | None
) -> tuple[list[Candidate], tuple[Candidate, ...]]:
    """Splits candidates into those to load and those that are excluded.

    Args:
        candidates: what is installed.
        allow: names of distributions or entry points; None allows all. The core's own name is always valid.
        where: the source of the allow-list, for the error.

    Raises:
        UnknownNameError: a name matches nothing.
    """
    everything = list(candidates)
    if allow is None:
        return everything, ()
    known = {CORE.distribution} | {name for candidate in everything for name in _names(candidate)}
    for name in sorted(allow):
        if name not in known and same_name(name) not in known:
            raise UnknownNameError("plugin", name, known, where=where)
    wanted = set(allow) | {same_name(name) for name in allow}
    chosen = [candidate for candidate in everything if wanted & _names(candidate)]
    return chosen, tuple(candidate for candidate in everything if not wanted & _names(candidate))


def _names(candidate: Candidate) -> set[str]:
    return {candidate.owner.distribution, candidate.name}


def _installed() -> Iterator[Candidate]:
    # One distribution at a time, after a check of the raw text: the standard entry_points() parses those of all
    # installed distributions, and fails altogether if one file is malformed.
    seen: set[str] = set()
    for distribution in distributions():
        if f"[{GROUP}]" not in (distribution.read_text(_FILE) or ""):
            continue
        owner = _owner(distribution)
        if owner.distribution not in seen:
            seen.add(owner.distribution)
            yield from _candidates(distribution, owner)


def _candidates(distribution: Distribution, owner: Owner) -> list[Candidate]:
    try:
        return [_candidate(owner, point) for point in distribution.entry_points.select(group=GROUP)]
    except (ValueError, TypeError):  # malformed: the host reads it again, and reports the error as this plugin's
        return [Candidate(owner=owner, name=_FILE, load=lambda: distribution.entry_points)]


def _candidate(owner: Owner, point: EntryPoint) -> Candidate:
    return Candidate(owner=owner, name=point.name, load=point.load)


def _owner(distribution: Distribution | None) -> Owner:
    if distribution is None:
        return Owner("unknown", "")
    return Owner(same_name(distribution.metadata["Name"] or "unknown"), distribution.metadata["Version"] or "")
