"""The defenses of this folder. Importable without torch."""

from collections.abc import Iterator
from typing import Any

from robusthash.specs import DefenseSpec


def defenses() -> Iterator[DefenseSpec]:
    """Defenses of cross-modal models and of texts."""

    def preset(name: str, summary: str, options: dict[str, Any]) -> DefenseSpec:
        factory = "robusthash_crossmodal.defenses.fpad:FPADTraining"
        return DefenseSpec(name=name, factory=factory, summary=summary, options=options, paper="yu2025fpad")

    yield preset("fpad", "Adversarial training of both towers on fuzzy prototypes of the classes", {})
    yield preset("fpad/edits", "FPAD's training with single edits of tags in place of fractional texts", {"edits": 1})
