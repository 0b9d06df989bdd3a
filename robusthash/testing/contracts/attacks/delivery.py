"""What an attack delivers: inputs inside the ball and the box, and everything else as it was."""

from dataclasses import replace

import pytest
import torch

from robusthash.contracts import Attack, AttackBatch, AttackContext, HashModel, Norm, Radius
from robusthash.specs import AttackSpec, Distance
from robusthash.testing.contracts.attacks.fixtures import AttackFixtures
from robusthash.testing.contracts.attacks.worlds import LENGTHS, copied, fitted, in_each_norm, tensors_of
from robusthash.testing.victims import TextVictim, toy_batch


class Delivery(AttackFixtures):
    """Tests of what an attack delivers."""

    def test_spec_says_what_it_is(self, attack: Attack, spec: AttackSpec | None) -> None:
        """The goals, needs and distances in the spec are those of the object; the norms are among them."""
        if spec is None:
            pytest.skip("override the fixture `spec` in a subclass")
        assert spec.goals == {attack.goal}
        assert spec.needs == attack.needs
        assert spec.distances == attack.distances
        assert spec.norms <= attack.norms

    def test_epsilon_zero_returns_the_inputs(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, radii: tuple[Radius, ...]
    ) -> None:
        """At epsilon 0, the images are returned bit for bit, and nothing is clipped."""
        if not attack.bounded:
            pytest.skip("not bound by epsilon")
        none = replace(radii[1], size=0.0)
        for still in in_each_norm(attack, context, none, Radius(size=0.0, norm=Norm.L2)):
            result = attack(batch, still)
            assert torch.equal(result.inputs, batch.inputs)
            assert torch.equal(result.unrounded, batch.inputs)
            assert not result.clipped.any()

    @pytest.mark.parametrize("place", range(3))
    def test_stays_in_ball_and_box(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, radii: tuple[Radius, ...], place: int
    ) -> None:
        """Before and after rounding, without the host's clipping; the delivered inputs are on the levels of the box.

        An unbounded attack stays in the box, and ignores the radius.
        """
        for one in in_each_norm(attack, context, radii[place], LENGTHS[place]):
            result, threat = attack(batch, one), one.threat
            if not attack.bounded:
                assert torch.equal(result.inputs, attack(batch, context).inputs)
                threat = threat.unbounded
            clipped = float(result.clipped.max())
            assert clipped == 0, "share of an image's elements that the attack left outside the ball or the box"
            assert threat.contains(result.unrounded, batch.inputs).all()
            assert threat.contains(result.inputs, batch.inputs).all()
            assert torch.equal(result.inputs, threat.box.nearest(result.inputs))

    def test_leaves_everything_as_it_was(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """Queries, weights, buffers, gradients, flags and hooks; the guard protects the global random generators."""
        queries = copied(batch)
        state = {name: tensor.clone() for name, tensor in victim.state_dict().items()}
        attack(batch, context)
        for name, tensor in tensors_of(batch).items():
            assert torch.equal(tensor, getattr(queries, name)), name
        assert [name for name, tensor in victim.state_dict().items() if not torch.equal(tensor, state[name])] == []
        assert not any(p.requires_grad or p.grad is not None for p in victim.parameters())
        assert not any(part.training for part in victim.modules())

    def test_perturbs_whatever_it_says(self, attack: Attack) -> None:
        """An attack on anything in a box works on texts of a few levels in [-1, 3], inside the ball around each."""
        if attack.modalities is not None or Distance.HAMMING not in attack.distances or Norm.LINF not in attack.norms:
            pytest.skip("it says that it does not perturb texts, works on descriptors alone, or counts edits")
        victim = TextVictim()
        batch, learnt = toy_batch(victim), fitted(attack, victim)
        for context in in_each_norm(attack, learnt, Radius(size=0.5), Radius(size=1.0, norm=Norm.L2)):
            result = attack(batch, context)
            assert not result.clipped.any()
            for inputs in (result.inputs, result.unrounded):
                assert context.threat.contains(inputs, batch.inputs).all()
            assert torch.equal(result.inputs, context.threat.box.nearest(result.inputs))
            assert (result.unrounded != batch.inputs).any()
            assert torch.equal(attack(batch, context).inputs, result.inputs)
