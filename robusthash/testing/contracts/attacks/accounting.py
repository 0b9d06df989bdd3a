"""What an attack costs and needs: every pass is counted, and what it declares is what it uses."""

from dataclasses import fields, replace

import pytest
import torch

from robusthash.contracts import Attack, AttackBatch, AttackContext, Budget, HashModel, Radius
from robusthash.errors import CapabilityError
from robusthash.specs import Capability, Goal
from robusthash.testing.contracts.attacks.fixtures import AttackFixtures
from robusthash.testing.contracts.attacks.witnesses import difference, passes_through, watched
from robusthash.testing.contracts.attacks.worlds import learning_without_gradients, rows_of, without
from robusthash.testing.victims import toy_learning


class Accounting(AttackFixtures):
    """Tests of what an attack costs and needs."""

    def test_budget_counts_every_pass(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel, radii: tuple[Radius, ...]
    ) -> None:
        """The budget equals the counts of hooks on the model and the service; a black-box attack makes no pass.

        Gradients may be taken while it learns, while it perturbs, or both: a universal perturbation takes all of them
        before the first query.
        """
        learning = toy_learning(victim, epsilon=radii[1])
        with passes_through(victim) as learnt:
            attack.learn(learning)
        _equal(learning.surrogate.budget, learnt, "fit")

        service = watched(context)
        before = replace(context.surrogate.budget)
        with passes_through(victim, service) as seen:
            attack(batch, replace(context, oracle=service))
        seen.queries = service.images if service else 0
        _equal(difference(context.surrogate.budget, before), seen, "perturb")

        takes_gradients = bool(seen.backward + learnt.backward)
        assert takes_gradients == (Capability.GRADIENTS in attack.needs), "what it needs and what it does"
        assert bool(seen.queries) == (Capability.QUERIES in attack.needs), "what it needs and what it does"
        if Capability.QUERIES in attack.needs and Capability.GRADIENTS not in attack.needs:
            assert not seen.forward

    def test_asks_no_more_than_it_says(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """Its option ``queries``, if it has one, limits the queries per image, alone or in a batch."""
        limit = getattr(attack, "queries", None)
        if Capability.QUERIES not in attack.needs or not isinstance(limit, int):
            pytest.skip("it makes no queries, or has no option `queries`")
        for part in (batch, rows_of(batch, torch.tensor([0])), rows_of(batch, torch.arange(3))):
            service = watched(context)
            assert service is not None, "an attack that needs queries needs a context with a service"
            attack(part, replace(context, oracle=service))
            assert service.images <= limit * len(part.ids)

    def test_asks_for_what_it_needs_and_no_more(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """With nothing but its needs it works; without one of them it raises CapabilityError.

        A learning attack may use its needs while it learns: gradients are withheld there, too; a learning context
        always has the code bank and the labels of the train split.
        """
        unneeded = set(Capability) - attack.needs
        attack(*without(batch, context, unneeded, targets=attack.goal is Goal.UNTARGETED))
        learns = type(attack).fit is not Attack.fit
        for need in sorted(attack.needs - ({Capability.CODE_BANK} if learns else set())):
            poorer, less = without(batch, context, {need})
            missed = False
            try:
                if learns and need is Capability.GRADIENTS:
                    attack.learn(learning_without_gradients(victim))
                attack(poorer, less)
            except CapabilityError:
                missed = True
            assert missed, f"it declares the need {need.value!r}, and works without"


def _equal(counted: Budget, seen: Budget, where: str) -> None:
    for part in fields(Budget):
        spent, real = getattr(counted, part.name), getattr(seen, part.name)
        assert spent == real, f"{part.name} counted in {where}, and what really passed: call context.surrogate"
