"""DCMH, DJSRH and FPAD's contrast: hand-worked values, slow references, and the contract."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import IMAGE, TEXT, CrossModalObjective, PairedBatch, TowerBatch, TrainStep
from robusthash.errors import OptionError
from robusthash.specs import ModelSpec
from robusthash.testing import CrossModalObjectiveContract
from robusthash_crossmodal.victims.dchmt import DCHMT
from robusthash_crossmodal.victims.dcmh import DCMH, SharedCodes, pair_weights
from robusthash_crossmodal.victims.djsrh import DJSRH, Means
from robusthash_crossmodal.victims.fpad import FpadNet, FpNet, class_means, contrast
from robusthash_crossmodal.victims.specs import models

SPECS = {spec.name: spec for spec in models()}


class TestDCMH(CrossModalObjectiveContract):
    @pytest.fixture(params=[DCMH(), DCMH(bounded=False, balance=False, eta=0.01)], ids=["default", "published"])
    def objective(self, request: pytest.FixtureRequest) -> CrossModalObjective:
        made: CrossModalObjective = request.param
        return made

    @pytest.fixture
    def spec(self) -> ModelSpec:
        return SPECS["dcmh"]


class TestDJSRH(CrossModalObjectiveContract):
    @pytest.fixture
    def objective(self) -> CrossModalObjective:
        return DJSRH()

    @pytest.fixture
    def spec(self) -> ModelSpec:
        return SPECS["djsrh"]


class TestDCHMT(CrossModalObjectiveContract):
    @pytest.fixture
    def objective(self) -> CrossModalObjective:
        return DCHMT()

    @pytest.fixture
    def spec(self) -> ModelSpec:
        return SPECS["dchmt"]


class TestFpadNet(CrossModalObjectiveContract):
    @pytest.fixture
    def objective(self) -> CrossModalObjective:
        return FpadNet(class_width=32)

    @pytest.fixture
    def spec(self) -> ModelSpec:
        return SPECS["fpad-net"]

    def test_gradient_reaches_every_item_of_both_towers(
        self, objective: CrossModalObjective, logits: dict[str, Tensor], labels: Tensor
    ) -> None:
        super().test_gradient_reaches_every_item_of_both_towers(objective, logits, labels)
        without = torch.zeros_like(labels)  # and an item without labels has no part in the loss
        leaves = {name: one.clone().requires_grad_() for name, one in logits.items()}
        gradients = torch.autograd.grad(self.loss(objective, leaves, without), list(leaves.values()))
        assert not any(gradient.any() for gradient in gradients)


def batch_of(
    images: Tensor, texts: Tensor, labels: Tensor, *, banks: tuple[Tensor, Tensor] | None = None
) -> PairedBatch:
    nothing = torch.empty(0)
    bank = banks or (nothing, nothing)
    towers = {
        IMAGE: TowerBatch(relaxed=images, features=images, bank=bank[0], start=nothing),
        TEXT: TowerBatch(relaxed=texts, features=texts, bank=bank[1], start=nothing),
    }
    return PairedBatch(towers=towers, labels=labels, similar=labels @ labels.T)


# --- DCMH -------------------------------------------------------------------------------------------------------------


def dcmh(objective: DCMH, batch: PairedBatch, codes: Tensor) -> Tensor:
    head = SharedCodes(codes.shape[1])
    head.codes = codes
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=codes.shape[1], head=head)
    return objective.loss(batch, replace(step, indices=torch.arange(len(batch.labels))))


def test_dcmh_unit_vector() -> None:
    """One pair, K = 2, both codes (1, 1): theta = 1 for either tower, and log(1 + e) - 1 each; F = G = B."""
    code, label = torch.ones(1, 2), torch.ones(1, 1)
    batch = batch_of(code, code, label, banks=(code, code))
    likelihood = 2 * (math.log(1 + math.e) - 1)
    assert dcmh(DCMH(), batch, code).item() == pytest.approx(likelihood)
    # The bits' sums are (1, 1), of squared length 2, in either tower.
    # From the shared code (-1, 1), either is 4 away.
    assert dcmh(DCMH(eta=0.5, gamma=0.0), batch, code).item() == pytest.approx(likelihood + 2)
    assert dcmh(DCMH(gamma=0.25), batch, torch.tensor([[-1.0, 1.0]])).item() == pytest.approx(likelihood + 2)


def test_dcmh_is_the_naive_one() -> None:
    """Two of three train items in the batch: the third enters by the banks alone."""
    generator = torch.Generator().manual_seed(0)
    f, g = (torch.randn(3, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    codes = torch.randn(3, 4, generator=generator, dtype=torch.float64).sign()
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    similar = ((labels[:2] @ labels.T) > 0).double()
    whole = batch_of(f[:2].clone().requires_grad_(), g[:2].clone().requires_grad_(), labels[:2], banks=(f, g))
    batch = replace(whole, similar=similar)
    total = torch.zeros((), dtype=torch.float64)
    for own, opposite in ((f, g), (g, f)):
        for i in range(2):
            for j in range(3):
                theta = 0.5 * (own[i] * opposite[j]).sum()
                total += math.log1p(math.exp(theta)) - similar[i, j] * theta
            total += 0.7 * (codes[i] - own[i]).square().sum()
        total += 0.3 * own.sum(0).square().sum()
    found = dcmh(DCMH(balance=False, gamma=0.7, eta=0.3), batch, codes)
    assert found.item() == pytest.approx(total.item() / 6)
    gradient = torch.autograd.grad(found, batch.towers[IMAGE].relaxed)[0]
    pull = (torch.sigmoid(0.5 * f[:2] @ g.T) - similar) @ g / 2
    expected = pull + 2 * 0.7 * (f[:2] - codes[:2]) + 2 * 0.3 * f.sum(0)
    torch.testing.assert_close(gradient, expected / 6)


def test_dcmh_shares_the_signs_of_both_banks() -> None:
    head = SharedCodes(2)
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=2, head=head)
    banks = {IMAGE: torch.tensor([[0.5, -0.5]]), TEXT: torch.tensor([[-0.2, 0.5]])}
    DCMH().refresh(banks, torch.ones(1, 1), step)
    assert head.codes.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("similar", "weights"),
    [([[1.0, 0, 0, 0]], [[2.0, 2 / 3, 2 / 3, 2 / 3]]), ([[0.0, 0]], [[1.0, 1.0]]), ([[1.0, 1]], [[1.0, 1.0]])],
)
def test_pairs_of_a_kind_weigh_as_much_as_those_of_the_other(
    similar: list[list[float]], weights: list[list[float]]
) -> None:
    torch.testing.assert_close(pair_weights(torch.tensor(similar)), torch.tensor(weights))


# --- DJSRH ------------------------------------------------------------------------------------------------------------


def test_djsrh_similarities() -> None:
    """S~ = .5 [1 0; 0 1] + .5 [1 1; 1 1] = [1 .5; .5 1], S~ S~ / 2 = [.625 .5; .5 .625]."""
    images, texts = torch.eye(2), torch.ones(2, 2)
    found = DJSRH(beta=0.5, eta=0.4, mu=1.5).similarities(images, texts)
    expected = 1.5 * (0.6 * torch.tensor([[1, 0.5], [0.5, 1]]) + 0.4 * torch.tensor([[0.625, 0.5], [0.5, 0.625]]))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("centred", [True, False])
def test_djsrh_unit_vector(centred: bool) -> None:
    """Two items with equal codes whose similarity is -1: as opposites, or at a right angle by ``2 cos - 1``."""
    start = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]) if centred else torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    equal = torch.ones(2, 2)
    tower = TowerBatch(relaxed=equal, features=equal, bank=torch.empty(0), start=start)
    batch = PairedBatch(towers={IMAGE: tower, TEXT: tower}, labels=torch.ones(2, 1), similar=torch.ones(2, 2))
    head = Means()
    head.image = head.text = torch.zeros(2)
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=2, head=head)
    objective = DJSRH(eta=0.0, mu=1.0, lambda1=0.25, lambda2=0.25, centred=centred)
    # S is [1 -1; -1 1] and the codes' cosines are 1: an error of 4 in two of four, 2 on average, with weights of 1.5.
    assert objective.loss(batch, step).item() == pytest.approx(3.0)


def test_djsrh_takes_the_mean_of_the_train_split() -> None:
    head = Means()
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=2, head=head)
    start = {IMAGE: torch.tensor([[1.0], [3.0]]), TEXT: torch.tensor([[0.0, 2.0], [0.0, 0.0]])}
    DJSRH().prepare(start, torch.ones(2, 1), step)
    assert head.image.tolist() == [2.0]
    assert head.text.tolist() == [0.0, 1.0]


# --- DCHMT ------------------------------------------------------------------------------------------------------------


def test_dchmt_unit_vector() -> None:
    """K = 2, codes (1, 1) and (1, -1): a squared distance of 2, and margins of sqrt(3) and, of all, of 2."""
    image, text = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, -1.0]])
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=2)
    similar, other = (batch_of(image, text, torch.tensor([[label]])) for label in (1.0, 0.0))
    assert DCHMT(within=0.0).loss(similar, step).item() == pytest.approx(2.0)
    assert DCHMT(within=0.0).loss(other, step).item() == pytest.approx((3**0.5 - 2**0.5) ** 2, abs=1e-6)
    assert DCHMT(within=0.0, vartheta=1.0).loss(other, step).item() == pytest.approx((2 - 2**0.5) ** 2, abs=1e-6)
    # Within a tower an item is its own pair: at distance 0 of one that is similar, and 2 short of the margin if not.
    assert DCHMT(within=0.5).loss(similar, step).item() == pytest.approx(2.0)
    assert DCHMT(within=0.5, vartheta=1.0).loss(other, step).item() == pytest.approx((2 - 2**0.5) ** 2 + 4, abs=1e-3)
    half = batch_of(image / 2, image / 2, torch.tensor([[1.0]]))
    assert DCHMT(within=0.0, quantisation=0.4).loss(half, step).item() == pytest.approx(0.1, abs=1e-6)


def test_one_logit_is_a_softmax_of_two() -> None:
    logits = torch.tensor([[0.3, -2.0], [1.5, 0.2]])
    two = torch.softmax(torch.stack([logits, torch.zeros_like(logits)]), dim=0)
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=2)
    torch.testing.assert_close(DCHMT().relax(logits, step), two[0] - two[1])


# --- FPAD -------------------------------------------------------------------------------------------------------------


def test_contrast_unit_vector() -> None:
    """K = 2, u = (1, 1): s = 0 to the class (1, 1), -1 to (1, -1), -2 to (-1, -1); tau = 2, so s / K times 2 is s."""
    codes = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    u = torch.ones(1, 2)
    one = math.log(1 + math.exp(-1) + math.exp(-2))
    assert contrast(u, codes, torch.tensor([[1.0, 0, 0]]), tau=2.0).item() == pytest.approx(one)
    # Of two labels, the mean similarity is -.5, against the third class's -2.
    two = math.log(1 + math.exp(-1.5))
    assert contrast(u, codes, torch.tensor([[1.0, 1, 0]]), tau=2.0).item() == pytest.approx(two)
    # Items without labels have no part in the mean; without any, the loss is 0.
    some = torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    assert contrast(u.expand(2, 2), codes, some, tau=2.0).item() == pytest.approx(one)
    assert contrast(u, codes, torch.zeros(1, 3), tau=2.0).item() == 0.0


def test_class_means() -> None:
    features = torch.tensor([[1.0], [3.0], [8.0]])
    labels = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0]])
    assert class_means(features, labels).tolist() == [[2.0], [3.0], [4.0]]


def test_class_codes_are_learnt_with_the_towers() -> None:
    head = FpadNet(class_width=8).head(bits=4, classes=3, seed=0)
    head.set_means(torch.eye(3))
    codes = head()
    assert codes.shape == (3, 4)
    assert (codes.abs() < 1).all()
    gradients = torch.autograd.grad(contrast(torch.ones(1, 4), codes, torch.eye(3)[:1], tau=20.0), head.parameters())
    assert all(gradient.any() for gradient in gradients)


def test_a_neck_has_the_published_layers() -> None:
    made = FpadNet(hidden=(6, 5), dropout=0.2).neck(IMAGE, 7)
    assert made is not None
    neck, width = made
    assert width == 5
    kinds = [type(layer) for layer in neck.children()]
    layer = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert kinds == [*layer, nn.Dropout, *layer]
    assert FpadNet(text_hidden=()).neck(TEXT, 7) is None


@pytest.mark.parametrize("kind", [DCMH, DJSRH])
def test_images_have_a_layer_between_features_and_hash_layer(kind: type[DCMH] | type[DJSRH]) -> None:
    made = kind(hidden=6).neck(IMAGE, 7)
    assert made is not None
    neck, width = made
    assert width == 6
    assert [type(layer) for layer in neck.children()] == [nn.Linear, nn.ReLU]
    assert kind(hidden=6).neck(TEXT, 7) is None
    assert kind(hidden=None).neck(IMAGE, 7) is None


@pytest.mark.parametrize("name", ["dcmh/released", "djsrh/released"])
def test_released_presets_have_no_such_layer(name: str) -> None:
    assert SPECS[name].options["hidden"] is None


@pytest.mark.parametrize(
    "options",
    [
        lambda: DCMH(gamma=-1.0),
        lambda: DCMH(hidden=0),
        lambda: DJSRH(hidden=0),
        lambda: DCHMT(vartheta=0.0),
        lambda: DJSRH(beta=2.0),
        lambda: DJSRH(mu=0.0),
        lambda: FpadNet(tau=0.0),
        lambda: FpadNet(hidden=(0,)),
        lambda: FpadNet(dropout=1.0),
    ],
)
def test_bad_options_are_refused(options: object) -> None:
    with pytest.raises(OptionError):
        options()  # type: ignore[operator]


def test_the_head_of_fpad_is_the_network_of_class_codes() -> None:
    assert isinstance(FpadNet().head(bits=4, classes=2, seed=0), FpNet)
