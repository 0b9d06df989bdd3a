"""That an attack works: it moves codes further than noise, and to its target."""

import pytest

from robusthash.contracts import Attack, AttackBatch, AttackContext, HashModel, Radius, Randomness
from robusthash.specs import Goal
from robusthash.testing.contracts.attacks.fixtures import AttackFixtures
from robusthash.testing.contracts.attacks.worlds import LENGTHS, in_each_norm, moved, to_anchors


class Strength(AttackFixtures):
    """Tests that an attack works."""

    def test_beats_noise(
        self,
        attack: Attack,
        context: AttackContext,
        batch: AttackBatch,
        victim: HashModel,
        radii: tuple[Radius, ...],
    ) -> None:
        """It moves the codes further than uniform noise of the same epsilon: from themselves, or towards the target."""
        if not self.beats_noise:
            pytest.skip("a baseline, by its class attribute `beats_noise`")
        uniform = Randomness(seed=9, purpose="noise").uniform(batch.ids, tuple(batch.inputs.shape[1:]))
        for one in in_each_norm(attack, context, radii[1], LENGTHS[1]):
            noise = one.threat.point(uniform, batch.inputs)
            attacked = attack(batch, one).inputs
            if attack.goal is Goal.TARGETED:
                assert to_anchors(victim, attacked, batch) < to_anchors(victim, noise, batch)
            else:
                assert moved(victim, attacked, batch) > moved(victim, noise, batch)

    def test_targeted_comes_nearer_to_its_target(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """The mean distance to the codes of the target label falls."""
        if attack.goal is not Goal.TARGETED:
            pytest.skip("an untargeted attack")
        attacked = attack(batch, context).inputs
        assert to_anchors(victim, attacked, batch) < to_anchors(victim, batch.inputs, batch)
