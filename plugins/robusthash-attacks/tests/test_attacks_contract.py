"""Every attack that this distribution announces keeps the attack contract."""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from functools import cache
from typing import Any, get_type_hints

import pytest
import torch
from torch import Tensor

from robusthash.adversary import DescentAttack, GradientAttack
from robusthash.contracts import Attack, AttackContext, Ensemble, HashModel
from robusthash.specs import AttackSpec, Capability, Distance
from robusthash.testing import (
    AttackContract,
    DescriptorVictim,
    EnsembleContract,
    GradientAttackContract,
    SmallVictim,
    toy_batch,
    toy_context,
    toy_learning,
)
from robusthash_attacks import plugin
from robusthash_attacks.gradient.sdha import SDHA
from robusthash_attacks.learnt.prosgan.attack import ProsGAN
from robusthash_attacks.learnt.uaagan.attack import UAAGAN
from robusthash_attacks.square import Square
from robusthash_attacks.strongest import Strongest

SPECS = list(plugin.robusthash_attacks())
STEPS = 20  #: presets with up to 2,000 steps are shortened
QUERIES = 60  #: so are budgets of queries
#: Generators are narrow, and learn in a few large steps.
SMALL: dict[str, Any] = {"filters": 4, "blocks": 1, "steps": 50, "batch": 12, "rate": 0.01}
PROTOTYPES: dict[str, Any] = {"prototype_steps": 400, "prototype_width": 64}


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
    if isinstance(attack, Square):
        return replace(attack, queries=QUERIES)
    if isinstance(attack, ProsGAN):
        # That an image stays alike is learnt through its weight, too slowly for a test. Prototypes by the likelihood
        # repel each other, and so leave the codes of an untrained victim, which are alike.
        reconstruction = min(attack.reconstruction_weight, 0.1)
        prototype = "circle" if attack.prototype == "likelihood" else attack.prototype
        changed = {"reconstruction_weight": reconstruction, "hash_weight": 5.0, "prototype": prototype}
        return replace(attack, **SMALL, **PROTOTYPES, **changed)
    if isinstance(attack, UAAGAN):
        return replace(attack, **SMALL)
    if isinstance(attack, DescentAttack | SDHA):
        return replace(attack, steps=min(attack.steps, STEPS))
    return attack


ATTACKS = {spec.name: build(spec) for spec in SPECS}


@cache
def learnt(name: str) -> Mapping[str, Tensor] | None:
    """What an attack learns on the toy victim: a test of its own shows that it is the same every time."""
    return ATTACKS[name].learn(toy_learning(toy_victim(ATTACKS[name])))


def toy_victim(attack: Attack) -> HashModel:
    """A victim that an attack works on."""
    return SmallVictim() if Distance.HAMMING in attack.distances else DescriptorVictim()


#: An ensemble has no perturbation of its own: the host runs its members.
ALONE = [spec for spec in SPECS if not isinstance(ATTACKS[spec.name], Ensemble)]


GRADIENT = [spec for spec in ALONE if isinstance(ATTACKS[spec.name], GradientAttack)]
OTHERS = [spec for spec in ALONE if spec not in GRADIENT]


class Announced:
    """Fixtures of an announced attack."""

    @pytest.fixture
    def attack(self, spec: AttackSpec) -> Attack:
        return ATTACKS[spec.name]

    @pytest.fixture
    def context(self, spec: AttackSpec, victim: HashModel) -> AttackContext:
        return replace(toy_context(victim), fitted=learnt(spec.name))


class TestEveryGradientAttack(Announced, GradientAttackContract):
    @pytest.fixture(params=GRADIENT, ids=lambda spec: spec.name)
    def spec(self, request: pytest.FixtureRequest) -> AttackSpec:
        announced: AttackSpec = request.param
        return announced

    @pytest.fixture(autouse=True)
    def _averages(self, spec: AttackSpec) -> None:
        # Averaged over resized images, it is no longer the gradient of the delivered one. HAG's loss jumps as bits
        # leave its mask, and adaptive steps stop short on it.
        self.turns_every_bit = "diversity" not in spec.options and spec.name != "hag/adaptive"


class TestEveryOtherAttack(Announced, AttackContract):
    @pytest.fixture(params=OTHERS, ids=lambda spec: spec.name)
    def spec(self, request: pytest.FixtureRequest) -> AttackSpec:
        announced: AttackSpec = request.param
        return announced

    @pytest.fixture(autouse=True)
    def _baselines(self, spec: AttackSpec) -> None:
        self.beats_noise = not spec.needs.isdisjoint({Capability.GRADIENTS, Capability.QUERIES})
        if spec.name.endswith("/refine"):
            # Where small steps no longer change the ranking, rounding decides whether they are halved.
            self.equal_pixels = 0.95


class TestEveryEnsemble(EnsembleContract):
    @pytest.fixture(params=[spec for spec in SPECS if spec not in ALONE], ids=lambda spec: spec.name)
    def spec(self, request: pytest.FixtureRequest) -> AttackSpec:
        announced: AttackSpec = request.param
        return announced

    @pytest.fixture
    def ensemble(self, spec: AttackSpec) -> Ensemble:
        ensemble = ATTACKS[spec.name]
        assert isinstance(ensemble, Ensemble)
        return ensemble


def test_names_are_unique() -> None:
    names = [spec.name for spec in SPECS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", Strongest().members)
def test_a_second_try_of_a_member_of_strongest_starts_elsewhere(name: str) -> None:
    spec = next(spec for spec in SPECS if spec.name == name)
    attack = build(replace(spec, options={**spec.options, "steps": 2}))
    victim = SmallVictim()
    batch, context = toy_batch(victim), toy_context(victim)
    first, second, again = (attack(batch, replace(context, restart=restart)).inputs for restart in (0, 1, 1))
    assert torch.equal(second, again)
    assert (first != second).flatten(1).any(1).all()
