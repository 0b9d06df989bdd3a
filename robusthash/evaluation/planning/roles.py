"""The attacks that have a role of their own: the reference, and the yardsticks. Importable without torch."""

from robusthash.errors import UsageError
from robusthash.host import PluginHost, PluginKind, Registered
from robusthash.specs import AttackSpec, Distance, Goal, Norm, Role


def reference(host: PluginHost) -> str:
    """Name of the reference attack.

    Raises:
        UsageError: none is installed, or several are.
    """
    return _only([one for one in _specs(host) if one[1].role is Role.REFERENCE], "reference attack")


def yardstick(host: PluginHost, distance: Distance, norm: Norm = Norm.LINF) -> str:
    """Name of the untargeted yardstick, which models are ranked by, and which is the default attack.

    Args:
        host: the plugins.
        distance: distance of the models that it must attack.
        norm: of the threat.

    Raises:
        UsageError: none is installed, or several are.
    """
    yardsticks = [one for one in _specs(host) if one[1].role is Role.YARDSTICK and Goal.UNTARGETED in one[1].goals]
    found = [one for one in yardsticks if distance in one[1].distances and norm in one[1].norms]
    within = f" within {norm}" if norm.counts else ""
    return _only(found, f"attack that models with {distance} distance are ranked by{within}")


def _specs(host: PluginHost) -> list[tuple[Registered, AttackSpec]]:
    return [(one, one.spec) for one in host.all(PluginKind.ATTACK) if isinstance(one.spec, AttackSpec)]


def _only(found: list[tuple[Registered, AttackSpec]], what: str) -> str:
    if len(found) == 1:
        return found[0][1].name
    owners = ", ".join(f"{spec.name} of {one.owner}" for one, spec in found)
    raise UsageError(
        f"{len(found)} plugins register the {what}" + (f": {owners}" if owners else ""),
        hint="there must be exactly one: robusthash plugins list --kind attack",
    )
