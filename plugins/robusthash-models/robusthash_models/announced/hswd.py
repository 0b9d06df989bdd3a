"""Objectives with HSWD added to them."""

from collections.abc import Iterator
from typing import Any

from robusthash.specs import ModelSpec
from robusthash_models.announced.recipes import OURS, SAAT, TUNED


def with_hswd() -> Iterator[ModelSpec]:
    """HSWD added to other losses."""

    def preset(name: str, of: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name,
            factory=f"robusthash_models.objectives.hswd:{of}WithHSWD",
            summary=summary,
            options=options,
            recipe=recipe,
            paper="doan2022one",
        )

    for of in ("DPSH", "HashNet", "CSQ"):
        yield preset(f"{of.lower()}-hswd", of, f"{of} with codes matched to a fair coin's; {TUNED}", {}, OURS)
    by_iteration = {"pairing": "bank", "unit": "iteration", "every": 200}
    yield preset("hashnet-hswd/saat", "HashNet", "HashNet with HSWD as in SAAT's code", by_iteration, SAAT)
