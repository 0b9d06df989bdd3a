"""GreedyHash: the straight-through sign, hand-worked values, analytic gradients, several labels."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash.errors import ContractError
from robusthash.testing import ObjectiveContract
from robusthash_models.objectives.greedyhash import Classifier, GreedyHash, straight_through_sign


def take(objective: Objective, u: Tensor, labels: Tensor, head: Classifier | None) -> Tensor:
    step = TrainStep(epoch=0, epochs=100, iteration=0, bits=u.shape[1], head=head)
    return objective.loss(u, labels, Pairs(codes=u, similar=labels @ labels.T), step)


def problem() -> tuple[Tensor, Tensor, Classifier]:
    """Logits (5, 6), classes (5,) and a classifier of 4 classes."""
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(5, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    return u, torch.tensor([0, 3, 1, 2, 2]), Classifier(weight)


def test_the_sign_is_exact_and_its_gradient_straight() -> None:
    u = torch.tensor([[-1e-30, 0.0, 0.3, 1e8, -0.1]], requires_grad=True)
    code = straight_through_sign(u)
    assert code.tolist() == [[-1.0, 1.0, 1.0, 1.0, -1.0]]
    outer = torch.tensor([[1.0, -2.0, 3.0, 4.0, 0.5]])
    (gradient,) = torch.autograd.grad((code * outer).sum(), u)
    assert torch.equal(gradient, outer)


def test_the_codes_are_classified_and_not_the_logits() -> None:
    u, classes, head = problem()
    labels = one_hot(classes, 4).double()
    codes = torch.where(u < 0, -1.0, 1.0).double()
    expected = cross_entropy(codes @ head.weight.T, classes) + 0.7 * ((u.abs() - 1) ** 3).abs().mean()
    torch.testing.assert_close(take(GreedyHash(alpha=0.7), u, labels, head), expected)
    assert torch.equal(GreedyHash().relax(u, TrainStep(epoch=0, epochs=1, iteration=0, bits=6)), u)


def test_the_gradients_are_the_analytic_ones() -> None:
    u, classes, head = problem()
    labels = one_hot(classes, 4).double()
    u.requires_grad_()
    of_u, of_weight = torch.autograd.grad(take(GreedyHash(alpha=0.7), u, labels, head), (u, head.weight))
    with torch.no_grad():
        codes = torch.where(u < 0, -1.0, 1.0).double()
        wrong = ((codes @ head.weight.T).softmax(1) - labels) / 5
        penalty = 0.7 * 3 * (u.abs() - 1).square() * (u.abs() - 1).sign() * u.sign() / u.numel()
    torch.testing.assert_close(of_u, wrong @ head.weight + penalty)
    torch.testing.assert_close(of_weight, wrong.T @ codes)


def test_several_labels_share_the_target() -> None:
    u, _, head = problem()
    labels = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]]).double()
    by_class = -(torch.where(u < 0, -1.0, 1.0).double() @ head.weight.T).log_softmax(1)
    own = [
        terms[mine > 0].mean() if mine.any() else torch.zeros(()) for terms, mine in zip(by_class, labels, strict=True)
    ]
    torch.testing.assert_close(take(GreedyHash(alpha=0.0), u, labels, head), torch.stack(own).mean())
    # Not the first label's alone: the others count as much.
    swapped = labels[:, [1, 0, 2, 3]]
    assert take(GreedyHash(), u[:1], swapped[:1], head) == take(GreedyHash(), u[:1], labels[:1], head)


def test_the_classifier_starts_as_torchs_would_and_by_its_seed() -> None:
    head = GreedyHash().head(bits=64, classes=200, seed=0)
    weight = head.weight.detach()
    assert weight.shape == (200, 64)
    assert float(weight.abs().max()) <= 1 / 8
    assert float(weight.std()) == pytest.approx(1 / 8 / 3**0.5, rel=0.02)
    assert not torch.equal(weight, GreedyHash().head(bits=64, classes=200, seed=1).weight)
    assert head.weight.requires_grad


def test_without_its_classifier_it_says_so() -> None:
    u, classes, _ = problem()
    with pytest.raises(ContractError, match=r"needs a Classifier as step.head, not NoneType"):
        take(GreedyHash(), u, one_hot(classes, 4).double(), None)


class TestGreedyHash(ObjectiveContract):
    @pytest.fixture(params=[0.0, 0.1])
    def objective(self, request: pytest.FixtureRequest) -> Objective:
        return GreedyHash(alpha=request.param)
