"""The attacks of this folder. Importable without torch."""

from collections.abc import Iterator

from robusthash.specs import AttackSpec, Capability, Goal, Norm, Role

_FPAD = "yu2025fpad"
_LABELS = frozenset({Capability.GRADIENTS, Capability.LABELS, Capability.CODE_BANK})

#: As released: 20 steps of 1.5/255 of the box, from a random point; the last iterate, whatever the best one was.
_RELEASED = {
    "steps": 20,
    "step_size": 1.5 / 255,
    "start": "random",
    "keep_best": False,
    "stop": False,
    "scale": 1.0,
}


def attacks() -> Iterator[AttackSpec]:
    """Attacks on cross-modal models and on texts."""
    for name, summary, options in (
        ("fpad", "FPAD's attack, away from the fuzzy prototypes of the query's labels", {}),
        ("fpad/released", "FPAD's attack with the steps and the slope of the released code", _RELEASED),
    ):
        yield AttackSpec(
            name=name,
            factory="robusthash_crossmodal.attacks.fpad:FPAD",
            summary=summary,
            paper=_FPAD,
            options=options,
            goals=frozenset({Goal.UNTARGETED}),
            needs=_LABELS,
        )
    for name, cls, summary, norm in (
        ("tag-edits", "TagEdits", "Adds, drops and swaps tags of a text, guided by gradients", Norm.TAGS),
        ("word-edits", "WordEdits", "Replaces words of a text, guided by gradients", Norm.WORDS),
        ("typos", "Typos", "Mistypes characters of a text, guided by gradients", Norm.CHARACTERS),
    ):
        yield AttackSpec(
            name=name,
            factory=f"robusthash_crossmodal.attacks.edits:{cls}",
            summary=summary,
            goals=frozenset({Goal.UNTARGETED}),
            needs=_LABELS,
            norms=frozenset({norm}),
            role=Role.YARDSTICK,
        )
