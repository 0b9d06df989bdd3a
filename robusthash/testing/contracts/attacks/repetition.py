"""That an attack repeats: the outcome of a query is a function of the seed and the query, and of nothing else."""

from copy import deepcopy
from dataclasses import replace

import torch

from robusthash.adversary import DescentAttack, Start
from robusthash.contracts import Attack, AttackBatch, AttackContext, isolated_randomness
from robusthash.testing.contracts.attacks.fixtures import AttackFixtures
from robusthash.testing.contracts.attacks.witnesses import RecordedRandomness, global_randomness
from robusthash.testing.contracts.attacks.worlds import rows_of


class Repetition(AttackFixtures):
    """Tests that an attack repeats."""

    def test_same_seed_same_bytes(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """The outcome does not depend on what ran before."""
        first, again = attack(batch, context), attack(batch, context)
        assert torch.equal(again.unrounded, first.unrounded)

    def test_remembers_nothing_between_batches(
        self, attack: Attack, context: AttackContext, batch: AttackBatch
    ) -> None:
        """A batch has the same outcome whether other batches came before it or not."""
        half = len(batch.ids) // 2
        first, second = rows_of(batch, torch.arange(half)), rows_of(batch, torch.arange(half, 2 * half))
        alone = deepcopy(attack)(second, context).unrounded
        used = deepcopy(attack)
        used(first, context)
        assert torch.equal(used(second, context).unrounded, alone), "it remembers what it saw in an earlier batch"

    def test_order_changes_nothing(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """The outcome does not depend on the order of the batch, except for the kernels' own rounding."""
        order = torch.randperm(len(batch.ids), generator=torch.Generator().manual_seed(5))
        expected = attack(batch, context).inputs[order]
        equal = (attack(rows_of(batch, order), context).inputs - expected).abs() < context.threat.tolerance
        share = float(equal.float().mean())
        assert share >= self.equal_pixels, "share of equal pixels in another order"

    def test_batch_size_changes_nothing(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """But for the kernels' own rounding: some queries alone, and the others in batches of at most seven."""
        whole = attack(batch, context).inputs
        rows = torch.arange(len(whole))
        pieces = [
            attack(rows_of(batch, part), context).inputs
            for part in (*torch.split(rows[:3], 1), *torch.split(rows[3:], 7))
        ]
        equal = (torch.cat(pieces) - whole).abs() < context.threat.tolerance
        share = float(equal.float().mean())
        assert share >= self.equal_pixels, "share of equal pixels in smaller batches"

    def test_randomness_comes_from_the_seed(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """Another seed gives another outcome if and only if the attack draws from ``context.random``."""
        outcomes, draws = [], []
        for seed in (0, 1):
            recorded = RecordedRandomness(seed=seed, purpose="toy")
            outcomes.append(attack(batch, replace(context, random=recorded)).unrounded)
            draws.append(recorded.draws)
        if not any(draws):
            assert torch.equal(*outcomes)
        elif not isinstance(attack, DescentAttack) or attack.start == Start.RANDOM:  # a restart may improve nothing
            assert not torch.equal(*outcomes)

    def test_draws_from_its_context_alone(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """Nothing is drawn from the global generators of torch, numpy and Python, whose numbers go by the batch."""
        with isolated_randomness(context.random, batch.ids):
            before = global_randomness()
            attack.perturb(batch, context)
            drawn = [
                name for name, one, other in zip(_GENERATORS, before, global_randomness(), strict=True) if one != other
            ]
        assert not drawn, "global generators that it drew from: use context.random"


_GENERATORS = ("torch", "numpy", "random")
