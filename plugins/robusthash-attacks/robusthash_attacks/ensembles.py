"""The ensembles of this distribution, and their presets. Importable without torch."""

from collections.abc import Iterator
from typing import Any

from robusthash.specs import AttackSpec, Capability, Distance, Goal, Norm, Role

_LENGTHS = frozenset({Norm.LINF, Norm.L2})
_AWAY = frozenset({Capability.GRADIENTS, Capability.LABELS, Capability.CODE_BANK})
_TOWARDS = frozenset({Capability.GRADIENTS, Capability.CODE_BANK})

_FAST: dict[Goal, tuple[str, ...]] = {
    Goal.UNTARGETED: ("mainstay/adaptive", "tanh/adaptive", "mainstay/refine", "smooth-ap/refine"),
    Goal.TARGETED: ("smooth-ap-target", "sdha-target", "mainstay-target/adaptive"),
}  #: what adds most in 20 steps
_THOROUGH: dict[str, Any] = {"steps": 300, "restarts": 4}


def ensembles() -> Iterator[AttackSpec]:
    """Worst outcomes of several attacks; one for each goal and kind of output is what models are ranked by."""
    for goal, name, factory, what in (
        (Goal.UNTARGETED, "strongest", "Strongest", "The worst outcome of complementary attacks per query"),
        (Goal.TARGETED, "strongest-target", "StrongestTowards", "The best outcome of targeted attacks per query"),
    ):
        yield _ensemble(name, factory, f"{what}: models are ranked by it", goal, role=Role.YARDSTICK)
        fast = {"members": _FAST[goal], "steps": 20, "restarts": 1}
        yield _ensemble(f"{name}/fast", factory, f"{what}: few members, steps and tries", goal, fast)
        yield _ensemble(f"{name}/thorough", factory, f"{what}: more steps and tries", goal, _THOROUGH)
    yield _ensemble(
        "strongest/v1",
        "FirstStrongest",
        "The eight attacks, with annealed slopes, that models were ranked by at first",
        Goal.UNTARGETED,
    )
    yield _ensemble(
        "strongest/descriptors",
        "StrongestOnDescriptors",
        "The worst outcome of complementary attacks on continuous descriptors per query",
        Goal.UNTARGETED,
        distances=frozenset({Distance.COSINE, Distance.L2}),
        role=Role.YARDSTICK,
    )


def _ensemble(
    name: str,
    factory: str,
    summary: str,
    goal: Goal,
    options: dict[str, Any] | None = None,
    *,
    distances: frozenset[Distance] = frozenset({Distance.HAMMING}),
    role: Role = Role.ATTACK,
) -> AttackSpec:
    return AttackSpec(
        name=name,
        factory=f"robusthash_attacks.strongest:{factory}",
        summary=summary,
        paper="croce2020reliable",
        options=options or {},
        goals=frozenset({goal}),
        needs=_TOWARDS if goal is Goal.TARGETED else _AWAY,
        distances=distances,
        norms=_LENGTHS,
        role=role,
    )
