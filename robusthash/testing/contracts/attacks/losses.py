"""The loss of a gradient attack: one value a query, and a minimum where the aim is."""

import pytest
import torch

from robusthash.adversary import GradientAttack
from robusthash.contracts import Attack, AttackBatch, AttackContext, HashModel
from robusthash.hashing import sign
from robusthash.specs import Distance
from robusthash.testing.contracts.attacks.fixtures import AttackFixtures
from robusthash.testing.contracts.attacks.worlds import fitted
from robusthash.testing.victims import LinearVictim, toy_batch


class Losses(AttackFixtures):
    """Tests of a gradient attack's loss.

    Attributes:
        turns_every_bit: whether the loss pulls every bit to the aim independently of the others.
    """

    turns_every_bit = True

    @pytest.mark.parametrize("progress", [0.0, 0.5, 0.99])
    def test_loss_has_one_value_per_query(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel, progress: float
    ) -> None:
        """(n,) finite values, at the start and at the end; a mean over the batch would mix its queries."""
        logits, aim = _scene(_gradient(attack), context, batch, victim)
        loss = _gradient(attack).loss(logits, aim, progress)
        assert loss.shape == (len(batch.ids),), "one value per query: mean(1), not mean()"
        assert loss.isfinite().all()

    def test_loss_of_a_query_is_its_own(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """The gradient of one query's loss is finite, and zero in the logits of the others."""
        logits, aim = _scene(_gradient(attack), context, batch, victim)
        logits = logits.requires_grad_()
        (gradient,) = torch.autograd.grad(_gradient(attack).loss(logits, aim, 0.5)[0], logits)
        assert gradient.isfinite().all()
        others = gradient[1:].abs().amax()
        assert float(others) == 0, "the largest gradient in another query's logits"

    def test_reaches_the_analytic_optimum(self, attack: Attack) -> None:
        """On a linear victim whose bits share no pixels, exactly the reachable bits match the aim."""
        if not self.turns_every_bit:
            pytest.skip("its bits depend on each other, by its class attribute `turns_every_bit`")
        if Distance.HAMMING not in attack.distances:
            pytest.skip("it works on descriptors alone")
        victim = LinearVictim()
        batch, context = toy_batch(victim), fitted(attack, victim)
        aim = sign(_gradient(attack).find_aim(batch, context.surrogate(batch.inputs), context))
        margin = aim * victim.extreme(batch.inputs, aim, context.threat)
        reached = victim.codes(attack(batch, context).inputs) == aim
        missed = int((~reached[margin > 0.02]).sum())
        assert missed == 0, "bits that the ball allows to flip, and that did not"
        assert not reached[margin < -0.02].any()
        assert (margin > 0.02).any()
        assert (margin < -0.02).any()


def _gradient(attack: Attack) -> GradientAttack:
    assert isinstance(attack, GradientAttack), "test an attack without a loss with AttackContract"
    return attack


def _scene(
    attack: GradientAttack, context: AttackContext, batch: AttackBatch, victim: HashModel
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        clean = victim(batch.inputs)
        aim = attack.find_aim(batch, clean, context)
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        return clean + 0.3 * noise, aim
