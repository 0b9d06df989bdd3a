"""Class centres, and CSQ, DPN and OrthoHash on them: distances, ties, hand-worked values, analytic gradients."""

import itertools
import math
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, one_hot

from robusthash.contracts import ArrayImages, Backbone, Objective, Pairs, RetrievalData, Split, TrainStep
from robusthash.errors import ContractError, UsageError
from robusthash.specs import PluginUse
from robusthash.testing import ObjectiveContract
from robusthash.training import Description, Recipe, build_network, read_description, save_checkpoint, train
from robusthash_models.backbones.small import SmallCNN
from robusthash_models.objectives.centres import Centres, distances, random_centres, spread_centres
from robusthash_models.objectives.csq import CSQ
from robusthash_models.objectives.dpn import DPN
from robusthash_models.objectives.orthohash import OrthoHash


def step(bits: int, head: nn.Module | None) -> TrainStep:
    return TrainStep(epoch=0, epochs=100, iteration=0, bits=bits, head=head)


def take(objective: Objective, relaxed: Tensor, labels: Tensor, head: nn.Module) -> Tensor:
    """The loss of items compared with themselves."""
    similar = ((labels @ labels.T) > 0).to(relaxed.dtype)
    return objective.loss(relaxed, labels, Pairs(codes=relaxed, similar=similar), step(relaxed.shape[1], head))


def gradient_of(objective: Objective, relaxed: Tensor, labels: Tensor, head: nn.Module) -> Tensor:
    relaxed = relaxed.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(take(objective, relaxed, labels, head), relaxed)
    return gradient


def problem(n: int = 5, bits: int = 8, classes: int = 4) -> tuple[Tensor, Tensor, Centres]:
    """Logits (n, bits), labels (n, classes) of which some items have several, and centres."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, bits, generator=generator, dtype=torch.float64)
    labels = (torch.rand(n, classes, generator=generator) < 0.4).double()
    labels[torch.arange(n), torch.arange(n) % classes] = 1.0
    return logits, labels, spread_centres(bits=bits, classes=classes, seed=3)


# --- centres ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "classes"), [(8, 5), (16, 10), (32, 10), (32, 33), (32, 64), (1, 2)])
def test_hadamard_rows_are_half_the_bits_apart_or_all(bits: int, classes: int) -> None:
    codes = spread_centres(bits=bits, classes=classes, seed=0).codes
    assert codes.shape == (classes, bits)
    assert set(codes.unique().tolist()) <= {-1.0, 1.0}
    for one, other in itertools.combinations(codes, 2):
        assert int((one != other).sum()) in {bits / 2, bits}


@pytest.mark.parametrize(("bits", "classes"), [(48, 10), (24, 10), (12, 4), (48, 100), (33, 20)])
def test_other_lengths_get_balanced_codes_far_apart(bits: int, classes: int) -> None:
    codes = spread_centres(bits=bits, classes=classes, seed=0).codes
    assert ((codes == -1).sum(1) == bits // 2).all()
    least = min(int((one != other).sum()) for one, other in itertools.combinations(codes, 2))
    assert least > bits / 4
    assert distances(codes)[0] == least


def test_too_many_classes_for_a_power_of_two_are_drawn_too_and_differ() -> None:
    codes = spread_centres(bits=16, classes=81, seed=0).codes
    assert len({tuple(code) for code in codes.tolist()}) == 81
    assert ((codes == -1).sum(1) == 8).all()


def test_classes_without_room_are_refused() -> None:
    with pytest.raises(UsageError, match=r"no 30 different centres of 4 bits were found.*more bits"):
        spread_centres(bits=4, classes=30, seed=0)


def test_centres_are_a_function_of_bits_classes_and_seed() -> None:
    one, same, other = (spread_centres(bits=48, classes=10, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.codes, same.codes)
    assert torch.equal(one.ties, same.ties)
    assert not torch.equal(one.codes, other.codes)
    assert not torch.equal(one.ties, other.ties)


def test_random_centres_are_balanced_or_coins() -> None:
    balanced = random_centres(bits=64, classes=20, seed=0, balanced=True).codes
    assert ((balanced == -1).sum(1) == 32).all()
    coins = random_centres(bits=64, classes=20, seed=0, balanced=False).codes
    assert len((coins == -1).sum(1).unique()) > 3
    assert abs(float(coins.mean())) < 0.1


def test_several_labels_vote_and_ties_go_one_way() -> None:
    codes = torch.tensor([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]])
    ties = torch.tensor([-1.0, 1.0, -1.0, 1.0])
    centres = Centres(codes, ties)
    labels = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert torch.equal(centres(labels), torch.stack([torch.tensor([1.0, 1.0, -1.0, -1.0]), *codes, ties]))
    assert torch.equal(centres(labels), centres(labels))


def test_a_loss_without_its_centres_says_so() -> None:
    logits, labels, _ = problem()
    for objective in (CSQ(), DPN(), OrthoHash()):
        with pytest.raises(ContractError, match=r"needs a Centres as step.head, not Linear"):
            take(objective, logits, labels, nn.Linear(2, 2))


# --- CSQ --------------------------------------------------------------------------------------------------------------


def test_csq_is_the_cross_entropy_of_relaxed_codes_and_a_quantiser() -> None:
    logits, labels, head = problem()
    u, centres = logits.tanh(), head(labels)
    expected = binary_cross_entropy((u + 1) / 2, (centres + 1) / 2) + 0.3 * (u.abs() - 1).square().mean()
    assert CSQ().relax(logits, step(8, head)) is logits
    torch.testing.assert_close(take(CSQ(quantisation=0.3), logits, labels, head), expected)


def test_csq_gradient_is_the_analytic_one() -> None:
    logits, labels, head = problem()
    p, t = torch.sigmoid(2 * logits), (head(labels) + 1) / 2
    torch.testing.assert_close(gradient_of(CSQ(quantisation=0.0), logits, labels, head), 2 * (p - t) / logits.numel())


def test_csq_does_not_clamp_where_the_tanh_is_one() -> None:
    head = Centres(torch.tensor([[-1.0, 1.0]]), torch.ones(2))
    logits = torch.tensor([[200.0, 200.0]])
    assert take(CSQ(quantisation=0.0), logits, torch.ones(1, 1), head).item() == pytest.approx(200.0)
    assert gradient_of(CSQ(quantisation=0.0), logits, torch.ones(1, 1), head).tolist() == [[1.0, 0.0]]


def test_csq_likelihood_is_the_mean_over_the_pairs() -> None:
    logits, labels, head = problem(n=3)
    u = logits.tanh()
    by_hand = 0.0
    for i, j in itertools.product(range(3), repeat=2):
        z = 10 / 8 * float(u[i] @ u[j])
        by_hand += (math.log1p(math.exp(z)) - z * float((labels[i] @ labels[j]) > 0)) / 9
    with_pairs, without = (take(CSQ(likelihood=weight), logits, labels, head) for weight in (0.2, 0.0))
    assert (with_pairs - without).item() == pytest.approx(0.2 * by_hand, rel=1e-9)


class TestCSQ(ObjectiveContract):
    @pytest.fixture(params=[CSQ(), CSQ(likelihood=0.2, quantisation=0.05)], ids=["ours", "official"])
    def objective(self, request: pytest.FixtureRequest) -> Objective:
        found: Objective = request.param
        return found


# --- DPN --------------------------------------------------------------------------------------------------------------


def test_dpn_unit_vector_and_gradient() -> None:
    head = Centres(torch.tensor([[1.0, -1.0, 1.0, -1.0]]), torch.ones(4))
    u, label = torch.tensor([[0.25, 0.5, 3.0, -1.5]]), torch.ones(1, 1)
    # Below the margin by 0.75 and 1.5; beyond it twice.
    assert take(DPN(), u, label, head).item() == pytest.approx((0.75 + 1.5) / 4)
    assert take(DPN(m=2.0), u, label, head).item() == pytest.approx((1.75 + 2.5 + 0.5) / 4)
    assert gradient_of(DPN(), u, label, head).tolist() == [[-0.25, 0.25, 0.0, 0.0]]


def test_dpn_relaxations_and_targets() -> None:
    logits = torch.tensor([[-2.0, 0.5]])
    assert torch.equal(DPN().relax(logits, step(2, None)), logits)
    assert torch.equal(DPN(relaxation="tanh").relax(logits, step(2, None)), logits.tanh())
    spread, drawn = (DPN(targets=kind).head(bits=16, classes=10, seed=0) for kind in ("spread", "random"))  # type: ignore[arg-type]  # the two literals
    assert distances(spread.codes)[0] == 8 > distances(drawn.codes)[0]


class TestDPN(ObjectiveContract):
    @pytest.fixture(params=[DPN(), DPN(targets="random", relaxation="tanh")], ids=["ours", "saat"])
    def objective(self, request: pytest.FixtureRequest) -> Objective:
        found: Objective = request.param
        return found


# --- OrthoHash --------------------------------------------------------------------------------------------------------


def test_orthohash_of_single_labels_is_the_margin_cross_entropy() -> None:
    logits, _, head = problem()
    classes = torch.tensor([0, 3, 1, 2, 2])
    labels = one_hot(classes, 4).double()
    cosines = torch.stack(
        [torch.stack([row @ code / row.norm() / code.norm() for code in head.codes.double()]) for row in logits]
    )
    expected = cross_entropy(8.0 * (cosines - 0.2 * labels), classes)
    torch.testing.assert_close(take(OrthoHash(), logits, labels, head), expected)
    assert take(OrthoHash(), logits, labels, head) > take(OrthoHash(m=0.0), logits, labels, head)


def test_orthohash_shares_its_target_among_several_labels() -> None:
    logits, labels, head = problem()
    cosines = nn.functional.cosine_similarity(logits[:, None], head.codes[None].double(), dim=2)
    by_class = -(8.0 * (cosines - 0.2 * labels)).log_softmax(1)
    expected = torch.stack([terms[own > 0].mean() for terms, own in zip(by_class, labels, strict=True)]).mean()
    torch.testing.assert_close(take(OrthoHash(), logits, labels, head), expected)
    unlabelled = take(OrthoHash(), logits, torch.zeros_like(labels), head)
    assert unlabelled == 0.0


def test_orthohash_does_not_see_the_size_of_the_logits() -> None:
    logits, labels, head = problem()
    torch.testing.assert_close(take(OrthoHash(), 7 * logits, labels, head), take(OrthoHash(), logits, labels, head))
    assert OrthoHash.batch_norm


class TestOrthoHash(ObjectiveContract):
    @pytest.fixture(params=["spread", "random"])
    def objective(self, request: pytest.FixtureRequest) -> Objective:
        return OrthoHash(targets=request.param)


@pytest.mark.parametrize("objective", [CSQ(), CSQ(likelihood=0.2), DPN(), OrthoHash()], ids=repr)
def test_finite_differences(objective: Objective) -> None:
    logits, labels, head = problem()
    assert torch.autograd.gradcheck(lambda x: take(objective, x, labels, head), (logits.requires_grad_(),))


# --- checkpoints ------------------------------------------------------------------------------------------------------


def toy_data() -> RetrievalData:
    """Five classes, the last item of each with two labels."""
    classes = torch.arange(60) % 5
    labels = one_hot(classes, 5).to(torch.uint8)
    labels[-5:] |= labels[-5:].roll(1, 0)
    images = torch.randint(0, 60, (60, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images += (40 * classes).to(torch.uint8).view(-1, 1, 1, 1)

    def split(name: str) -> Split:
        return Split.of_images(name=name, images=ArrayImages(images), labels=labels, ids=tuple(map(str, range(60))))

    return RetrievalData(
        name="toy", classes=tuple("abcde"), query=split("query"), database=split("database"), train=split("train")
    )


def test_the_centres_and_the_tie_vector_come_back_from_a_checkpoint(tmp_path: Path) -> None:
    used: list[nn.Module | None] = []

    class Recorder(CSQ):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            used.append(step.head)
            return super().loss(relaxed, labels, pairs, step)

    data, recipe, objective = toy_data(), Recipe(epochs=12, batch_size=20, lr=5e-3), Recorder()
    backbone: Backbone = SmallCNN()
    network = build_network(backbone, bits=24, image_size=8, weights="none", seed=5)
    report = train(network, objective, recipe, data, seed=5, device=torch.device("cpu"))
    path = tmp_path / "csq.safetensors"
    described = Description(
        model=PluginUse(name="csq", owner="robusthash-models", options=asdict(objective)),
        backbone=PluginUse(name="small-cnn", owner="robusthash-models", options={}),
        pretrained="none",
        recipe=asdict(recipe),
        bits=24,
        image_size=8,
        dataset="toy",
        dataset_digest=data.digest,
        classes=data.classes,
        seed=5,
        versions={},
        report=asdict(report),
    )
    save_checkpoint(path, network, described)
    found = read_description(path)
    again = CSQ(**found.model.options).head(bits=found.bits, classes=len(found.classes), seed=found.seed)
    assert isinstance(used[0], Centres)
    assert torch.equal(again.codes, used[0].codes)
    assert torch.equal(again.ties, used[0].ties)
