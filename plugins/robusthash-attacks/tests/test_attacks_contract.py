"""Every attack that this distribution announces keeps the attack contract."""

import importlib
from dataclasses import replace
from enum import StrEnum
from typing import Any, get_type_hints

import pytest

from robusthash.adversary import GradientAttack
from robusthash.contracts import Attack
from robusthash.specs import AttackSpec, Capability
from robusthash.testing import AttackContract
from robusthash_attacks import plugin

SPECS = list(plugin.robusthash_attacks())
STEPS = 40  #: presets with 2,000 steps are shortened


def build(spec: AttackSpec) -> Attack:
    """The object that a spec names, its enumerations read from text as the host reads them."""
    module, _, name = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), name)
    hints = get_type_hints(factory)
    options: dict[str, Any] = {
        key: hints[key](value) if isinstance(hints[key], type) and issubclass(hints[key], StrEnum) else value
        for key, value in spec.options.items()
    }
    attack: Attack = factory(**options)
    return replace(attack, steps=min(attack.steps, STEPS)) if isinstance(attack, GradientAttack) else attack


class TestEveryAttack(AttackContract):
    @pytest.fixture(params=SPECS, ids=lambda spec: spec.name)
    def spec(self, request: pytest.FixtureRequest) -> AttackSpec:
        announced: AttackSpec = request.param
        return announced

    @pytest.fixture
    def attack(self, spec: AttackSpec) -> Attack:
        return build(spec)

    @pytest.fixture(autouse=True)
    def _baselines(self, spec: AttackSpec) -> None:
        self.beats_noise = Capability.GRADIENTS in spec.needs
        # Averaged over resized images, it is no longer the gradient of the delivered one.
        self.turns_every_bit = "diversity" not in spec.options


def test_names_are_unique() -> None:
    names = [spec.name for spec in SPECS]
    assert len(names) == len(set(names))
