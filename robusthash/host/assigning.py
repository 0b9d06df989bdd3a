"""Which plugin object an option of a run is for. Importable without torch.

An option's owner is a name, ``fpad``, which objects of several kinds or distributions may have; a full name,
``robusthash-crossmodal/fpad``; or either with its kind, ``attack:fpad``.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from robusthash.errors import OptionError, UnknownNameError
from robusthash.host.discovery import same_name
from robusthash.host.loading import PluginHost
from robusthash.host.registration import PluginKind, Registered
from robusthash.options import option_names

PluginOptions = Mapping[str, Mapping[str, Any]]  #: by owner, then by field


_KINDS = frozenset(kind.value for kind in PluginKind)


def options_of(host: PluginHost, one: Registered, options: PluginOptions) -> dict[str, Any]:
    """The options that are for one plugin object.

    Of an owner that several objects match, it is given the options that it has; those that only others have are theirs.

    Args:
        host: the plugins.
        one: the object.
        options: of the run.

    Raises:
        OptionError: none of the objects that an owner matches has an option; or one is given twice.
    """
    own: dict[str, Any] = {}
    for owner, values in options.items():
        if not is_for(owner, one):
            continue
        matching = [other for other in _everything(host) if is_for(owner, other)]
        for name, value in values.items():
            if len(matching) > 1 and not _has(host, one, name):
                if not any(_has(host, other, name) for other in matching):
                    raise _unknown(host, owner, name, matching)
                continue
            if name in own:
                raise OptionError(
                    f"option {name} of {one.kind} {one.spec.name} is given twice",
                    hint=f"keep one of {own[name]!r}, {value!r}",
                )
            own[name] = value
    return own


def require_owners(options: PluginOptions, used: Iterable[Registered], *, others: Iterable[str] = ()) -> None:
    """Refuses options of plugin objects that a run does not use.

    Args:
        options: of the run.
        used: the objects that it uses.
        others: owners of options that are no plugin objects.

    Raises:
        OptionError: an option belongs to none of them.
    """
    used, others = list(used), set(others)
    for owner in options:
        if owner not in others and not any(is_for(owner, one) for one in used):
            kind = owner.partition(":")[0] if ":" in owner else None
            names = {f"{one.kind}:{one.spec.name}" if kind else one.spec.name for one in used}
            unknown = UnknownNameError("option owner", owner, names | others)
            raise OptionError(unknown.message, hint=unknown.hint)


def require_one_owner(host: PluginHost, options: PluginOptions, used: Iterable[Registered]) -> None:
    """Refuses an option that could be of several plugin objects of a run, or only of one that the run does not use.

    Args:
        host: the plugins.
        options: of the run.
        used: the objects that it uses.

    Raises:
        OptionError: an option has several owners, or none.
    """
    used = list(used)
    for owner, values in options.items():
        matching = [one for one in _everything(host) if is_for(owner, one)]
        if len(matching) < 2:
            continue
        here = [one for one in matching if any(one is other for other in used)]
        for name in values:
            having = [one for one in here if _has(host, one, name)]
            if len(having) > 1:
                raise OptionError(
                    f"option {owner}.{name} could be of {' or '.join(one.whose.what for one in having)}",
                    hint=f"write {' or '.join(f'{_written(one, having)}.{name}' for one in having)}",
                )
            if here and not having:
                absent = [one for one in matching if _has(host, one, name)]
                if not absent:
                    raise _unknown(host, owner, name, matching)
                raise OptionError(
                    f"option {owner}.{name} is of {absent[0].whose}, which this run does not use",
                    hint=_told(host, here),
                )


def is_for(owner: str, one: Registered) -> bool:
    """Whether a plugin object is one of those that an owner matches.

    Args:
        owner: as it was written.
        one: the object.
    """
    kind, colon, rest = owner.partition(":")
    if colon and kind in _KINDS:
        return kind == one.kind and is_for(rest, one)
    distribution, _, name = owner.partition("/")
    return owner in {one.spec.name, one.full_name} or f"{same_name(distribution)}/{name}" == one.full_name


def owner_of(host: PluginHost, one: Registered) -> str:
    """The shortest owner that matches one plugin object alone.

    Args:
        host: the plugins.
        one: the object.
    """
    return _written(one, _everything(host))


def _everything(host: PluginHost) -> list[Registered]:
    return [one for kind in PluginKind for one in host.all(kind)]


def _has(host: PluginHost, one: Registered, name: str) -> bool:
    return name in option_names(host.resolve(one))


def _written(one: Registered, among: Iterable[Registered]) -> str:
    among = list(among)
    short, full = one.spec.name, one.full_name
    written = (short, f"{one.kind}:{short}", full, f"{one.kind}:{full}")
    return next((owner for owner in written if sum(is_for(owner, other) for other in among) == 1), written[-1])


def _unknown(host: PluginHost, owner: str, name: str, matching: list[Registered]) -> OptionError:
    known = [option for one in matching for option in option_names(host.resolve(one))]
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = _told(host, matching)
    return OptionError(f"unknown option {owner}.{name}", hint=f"did you mean {near[0]!r}? {hint}" if near else hint)


def _told(host: PluginHost, matching: list[Registered]) -> str:
    return "; ".join(
        f"options of {one.kind} {one.spec.name}: {', '.join(option_names(host.resolve(one))) or 'none'}"
        for one in matching
    )
