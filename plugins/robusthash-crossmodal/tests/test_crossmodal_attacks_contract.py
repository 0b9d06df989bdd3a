"""Every attack that this distribution announces keeps the attack contract."""

import importlib
from dataclasses import replace
from typing import Any

import pytest

from robusthash.adversary import GradientAttack
from robusthash.contracts import Attack
from robusthash.specs import AttackSpec
from robusthash.testing import AttackContract, GradientAttackContract
from robusthash_crossmodal.attacks.specs import attacks

SPECS = {spec.name: spec for spec in attacks()}
STEPS = 20


def build(spec: AttackSpec) -> Attack:
    module, _, name = spec.factory.partition(":")
    attack: Attack = getattr(importlib.import_module(module), name)(**spec.options)
    return replace(attack, steps=min(attack.steps, STEPS)) if isinstance(attack, GradientAttack) else attack


ATTACKS = {name: build(spec) for name, spec in SPECS.items()}
GRADIENT = [name for name, attack in ATTACKS.items() if isinstance(attack, GradientAttack)]


class Announced:
    """What the contracts are given."""

    @pytest.fixture
    def attack(self, name: str) -> Attack:
        return ATTACKS[name]

    @pytest.fixture
    def spec(self, name: str) -> AttackSpec:
        return SPECS[name]


@pytest.mark.parametrize("name", GRADIENT)
class TestGradientAttacks(Announced, GradientAttackContract):
    turns_every_bit = False  # a bit counts by the prototypes that have it


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - set(GRADIENT)))
class TestOtherAttacks(Announced, AttackContract):
    pass


def test_options_outside_their_range_are_refused() -> None:
    from robusthash.errors import OptionError

    wrong: dict[str, dict[str, Any]] = {
        "fpad": {"temperature": 0.0},
        "tag-edits": {"beam": 0},
    }
    for name, options in wrong.items():
        with pytest.raises(OptionError, match=next(iter(options))):
            replace(ATTACKS[name], **options)  # type: ignore[type-var]  # an attack is a dataclass
