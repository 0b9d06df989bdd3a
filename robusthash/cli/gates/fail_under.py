"""The rules that an evaluation is to keep, checked before anything is computed."""

from typing import TYPE_CHECKING

from robusthash.errors import UnknownNameError, UsageError
from robusthash.specs import AttackSpec, Role

if TYPE_CHECKING:
    from robusthash.evaluation import Request
    from robusthash.host import PluginHost
    from robusthash.results.gate import GateSettings


def gate_of(rules: tuple[str, ...], allow: tuple[str, ...]) -> "GateSettings":
    """The rules of the command line. They are read before anything is computed.

    Raises:
        UsageError: one is wrong, or needs a baseline.
    """
    from robusthash.results.gate import GateSettings, Place, parse_rule

    parsed = tuple(parse_rule(rule, where=Place(name="--fail-under")) for rule in rules)
    relative = next((rule for rule in parsed if rule.comparison.relative), None)
    if relative:
        raise UsageError(
            f"--fail-under: {relative.text} needs a baseline, and an evaluation has none",
            hint=f"evaluate first, then: robusthash gate --fail-under '{relative.text}' --baseline FILE",
        )
    return GateSettings(rules=parsed).allowing(frozenset(allow))


def check_rules(gate: "GateSettings", request: "Request", host: "PluginHost") -> None:
    """Finds a rule that will name nothing before hours of work, not after.

    Raises:
        UnknownNameError: an attack, a dataset or a metric that a rule names is not evaluated.
    """
    from robusthash.evaluation.planning.names import shown
    from robusthash.host import PluginKind
    from robusthash.results.gate.rules import fits

    # References are run beside any attack; if no attack is asked for, the yardstick is.
    always = Role.REFERENCE if request.attacks else Role.YARDSTICK, Role.REFERENCE
    specs = [one.spec for one in host.all(PluginKind.ATTACK)]
    added = [spec.name for spec in specs if isinstance(spec, AttackSpec) and spec.role in always]
    asked = {
        "attack": [*map(shown, request.attacks or ()), *added],
        "dataset": [shown(request.setting.dataset)],
    }
    for rule in gate.rules:
        where = f"--fail-under {rule.text}"
        for key, names in asked.items():
            pattern = rule.filters.get(key)
            if pattern and not any(fits(key, name.rpartition("/")[2], pattern) for name in names):
                raise UnknownNameError(f"{key} of this evaluation", pattern, names, where=where)
        named = [shown(metric) for metric in request.setting.metrics]
        # Where the retriever's lists are scored, the exact scores are beside them.
        metrics = list(dict.fromkeys([*map(request.setting.score_by.qualify, named), *named]))
        if rule.metric not in metrics:
            raise UnknownNameError("metric of this evaluation", rule.metric, metrics, where=where)
