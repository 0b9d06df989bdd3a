"""What a hashing loss promises: a finite scalar, gradients, and descent that brings similar items together.

::

    class TestMyLoss(ObjectiveContract):
        @pytest.fixture
        def objective(self) -> Objective:
            return MyLoss(weight=0.1)
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash.hashing import binarise
from robusthash.testing.contracts.objects import PluginObjectContract


class ObjectiveContract(PluginObjectContract):
    """The contract of hashing losses."""

    bits = 16  #: code length of the tests

    @pytest.fixture
    def objective(self) -> Objective:
        """The objective under test; a subclass overrides this."""
        pytest.skip("override the fixture `objective` in a subclass")

    @pytest.fixture
    def plugin_object(self, objective: Objective) -> object:
        """The objective."""
        return objective

    @pytest.fixture
    def labels(self) -> Tensor:
        """Twenty-four items of four classes: (24, 4) float."""
        return torch.eye(4)[torch.arange(24) % 4]

    @pytest.fixture
    def logits(self, labels: Tensor) -> Tensor:
        """Random logits for them: (24, bits) float."""
        return torch.randn(len(labels), self.bits, generator=torch.Generator().manual_seed(0))

    def test_loss_is_a_finite_scalar(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """From the first epoch to the last, and for logits of unusual magnitude."""
        for epoch in (0, 9):
            for scale in (0.0, 1.0, 100.0):
                loss = self.loss(objective, scale * logits, labels, epoch)
                assert loss.shape == ()
                assert loss.isfinite()

    def test_gradient_reaches_every_item(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """Finite, and non-zero in every row."""
        logits = logits.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.loss(objective, logits, labels), logits)
        assert gradient.isfinite().all()
        assert gradient.any(1).all()

    def test_order_changes_nothing(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """A batch is a set."""
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
        one = self.loss(objective, logits, labels)
        other = self.loss(objective, logits[order], labels[order])
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)

    def test_descent_brings_similar_items_together(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """Gradient descent on free logits brings similar items closer to each other than dissimilar ones."""
        logits = logits.clone().requires_grad_()
        head = objective.head(bits=self.bits, classes=labels.shape[1], seed=0)
        learnt = list(head.parameters()) if head is not None else []
        optimiser = torch.optim.Adam([logits, *learnt], lr=0.1)
        for iteration in range(200):
            optimiser.zero_grad()
            self.loss(objective, logits, labels, iteration // 20, head=head).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
        codes = binarise(logits)
        distance = (codes[:, None] != codes[None]).sum(2).float()
        similar = (labels @ labels.T) > 0
        assert distance[similar].mean() < 0.5 * distance[~similar].mean()

    def test_the_head_is_made_by_bits_classes_and_seed_alone(self, objective: Objective) -> None:
        """Equal for equal arguments, whatever the state of torch's global generator, which is unchanged."""
        heads = []
        with torch.random.fork_rng():
            for outside in (1, 2):
                torch.manual_seed(outside)
                before = torch.get_rng_state()
                heads.append(objective.head(bits=self.bits, classes=4, seed=0))
                assert torch.equal(torch.get_rng_state(), before)
        one, other = heads
        if one is None or other is None:
            assert one is other
            return
        assert one.state_dict().keys() == other.state_dict().keys()
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name

    def loss(
        self,
        objective: Objective,
        logits: Tensor,
        labels: Tensor,
        epoch: int = 0,
        *,
        head: nn.Module | None = None,
    ) -> Tensor:
        """The loss of the items compared with themselves, as in an epoch with a single batch.

        Args:
            objective: the objective.
            logits: (n, bits) float.
            labels: (n, classes) float, multi-hot.
            epoch: of ten.
            head: the objective's head; None builds a new one.
        """
        head = head or objective.head(bits=self.bits, classes=labels.shape[1], seed=0)
        step = TrainStep(epoch=epoch, epochs=10, iteration=20 * epoch, bits=self.bits, head=head)
        relaxed = objective.relax(logits, step)
        if objective.refreshed:
            objective.refresh(relaxed.detach(), labels, step)
        step = replace(step, indices=torch.arange(len(logits)))
        codes = relaxed.detach() if objective.pairing == "bank" else relaxed
        return objective.loss(relaxed, labels, Pairs(codes=codes, similar=((labels @ labels.T) > 0).float()), step)
