"""The ensembles of this distribution, and their presets. Importable without torch."""

from collections.abc import Iterator
from typing import Any

from robusthash.specs import AttackSpec, Capability, Distance, Goal, Norm, Role

_LENGTHS = frozenset({Norm.LINF, Norm.L2})
_AWAY = frozenset({Capability.GRADIENTS, Capability.LABELS, Capability.CODE_BANK})
_TOWARDS = frozenset({Capability.GRADIENTS, Capability.ANCHORS, Capability.CODE_BANK})

_EFFORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "fast": ("few steps and one try", {"steps": 20, "restarts": 1}),
    "thorough": ("more steps and tries", {"steps": 200, "restarts": 4}),
}  #: presets: the end of each summary, and the options


def ensembles() -> Iterator[AttackSpec]:
    """Worst outcomes of several attacks; one for each goal and kind of output is what models are ranked by."""
    for goal, name, factory, what in (
        (Goal.UNTARGETED, "strongest", "Strongest", "The worst outcome of complementary attacks per query"),
        (Goal.TARGETED, "strongest-target", "StrongestTowards", "The best outcome of targeted attacks per query"),
    ):
        yield _ensemble(name, factory, f"{what}: models are ranked by it", goal, role=Role.YARDSTICK)
        for effort, (how, options) in _EFFORTS.items():
            yield _ensemble(f"{name}/{effort}", factory, f"{what}, with {how}", goal, options)
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
