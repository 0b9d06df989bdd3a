"""FPAD's training: its losses by hand-worked values, that each reaches the networks, and its contract."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.contracts import IMAGE, TEXT, CrossModalHashModel, Randomness, TrainedDefense, TrainStep, towers_of
from robusthash.errors import OptionError
from robusthash.testing import DefenseContract, SmallVictim, TextVictim, TowersDefenseContract
from robusthash.testing.crossmodal import WORDS, toy_pairs
from robusthash.testing.victims import CLASSES
from robusthash.training import Banks, Outputs, Scene
from robusthash_crossmodal.defenses.fpad import FPADTraining
from robusthash_crossmodal.defenses.losses import adapted_share, rectification

ONE, TWO = torch.tensor([1.0, 1.0]), torch.tensor([-1.0, -1.0])
A = torch.stack([ONE, TWO])
HARD = {"temperature": 2.0, "m": 1.0}
BRIEF = {"epochs": 8, "steps": 2, "batch_size": 8, "lr": 0.01}  #: enough to learn toy items
STEP = TrainStep(epoch=0, epochs=2, iteration=0, bits=2)


class TestTowers(TowersDefenseContract):
    @pytest.fixture(params=[{}, {"edits": 1}], ids=["radius", "edits"])
    def defense(self, request: pytest.FixtureRequest) -> TrainedDefense:
        return FPADTraining(**BRIEF, **request.param)


class TestOneTower(DefenseContract):
    @pytest.fixture
    def defense(self) -> TrainedDefense:
        return FPADTraining(**BRIEF)


# --- adaptive strength ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crafted", "labels", "modality", "share"),
    [
        ([[1, 1]], [[1, 0]], IMAGE, 1.0),  # it did not win
        # z = (-1, 1): p = e^-1 / (e^-1 + e) = .1192; (1 + 4 p) / 2 and (1 + 3 p) / 2
        ([[-1, -1]], [[1, 0]], IMAGE, (1 + 4 / (1 + math.e**2)) / 2),
        ([[-1, -1]], [[1, 0]], TEXT, (1 + 3 / (1 + math.e**2)) / 2),
        # a tie of z = (0, 0) is a win: p = 1/2, and (1 + 2) / 2 is more than all
        ([[1, -1]], [[1, 0]], IMAGE, 1.0),
        # won and lost as often: p is the mean of .1192 and .8808
        ([[-1, -1], [1, 1]], [[1, 0], [1, 0]], TEXT, 1.0),
        ([[-1, -1], [1, 1], [1, 1]], [[1, 0]] * 3, IMAGE, 1.0),  # lost more often than won
        ([[-1, -1]], [[0, 0]], IMAGE, 1.0),  # an item without labels says nothing
        ([[-1, -1]], [[1, 1]], IMAGE, 1.0),  # nor one that has them all
    ],
)
def test_the_next_attack_is_weaker_where_the_last_one_won(
    crafted: list[list[int]], labels: list[list[int]], modality: str, share: float
) -> None:
    found = adapted_share(torch.tensor(crafted).float(), A, torch.tensor(labels).float(), modality=modality)
    assert found == pytest.approx(share)


def test_several_labels_count_by_their_mean_and_absent_classes_not_at_all() -> None:
    # Released: exp of the sum of own z over the sum, which exceeds 1 for several labels. z = (0, 0, 1).
    prototypes = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    labels = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    found = adapted_share(torch.tensor([[1.0, 1.0]]), prototypes, labels, modality=TEXT)
    assert found == pytest.approx((1 + 3 / (2 + math.e)) / 2)


# --- rectification ----------------------------------------------------------------------------------------------------


def test_the_drift_of_prototypes_by_hand() -> None:
    # Two items, one of each class. The first is attacked to the second's code: M_1 = (0, 0), M_2 = (-1, -1). Of four
    # codes, one has changed its cluster: by 1 in either class, so w = (1/2, 1/2). With t = 2, K = 2:
    # class 1: -log 1/2; class 2: -log(e^2 / (e^2 + e^-2)) = log(1 + e^-4).
    crafted, clean, before = torch.stack([TWO, TWO]), torch.stack([ONE, TWO]), torch.eye(2)
    found = rectification(crafted, clean, A, before, **HARD)
    assert found.item() == pytest.approx((0.5 * math.log(2) + 0.5 * math.log(1 + math.e**-4)) / 2)


def test_nothing_has_drifted_where_no_membership_has_changed() -> None:
    clean = torch.stack([ONE, TWO])
    assert rectification(0.5 * clean, clean, A, torch.eye(2), **HARD) == 0


def test_rectification_reaches_the_attacked_codes_and_pulls_them_back() -> None:
    crafted = torch.tensor([[-0.5, -0.5], [-1.0, -1.0]], requires_grad=True)
    rectification(crafted, torch.stack([ONE, TWO]), A, torch.eye(2), **HARD).backward()
    assert crafted.grad is not None
    assert (crafted.grad[0] < 0).all()  # descent moves the first item to the prototype of its class, (1, 1)


@pytest.fixture
def model() -> CrossModalHashModel:
    return CrossModalHashModel({IMAGE: SmallVictim(), TEXT: TextVictim(width=WORDS * CLASSES)}).eval()


def parts(method: FPADTraining, model: CrossModalHashModel) -> list[Tensor]:
    """Gradients of the adversarial losses of a batch of each tower, codes of the opposite side."""
    train = toy_pairs("train", 40, seed=7, tags=True)
    step = method.step(None, epsilon=0.1, modalities={name: view.modality for name, view in train.views.items()})
    step.start(model, train, replace(STEP, bits=16), torch.device("cpu"))
    gradients = []
    for place, (name, tower) in enumerate(towers_of(model).items()):
        rows = torch.arange(16)
        of = Scene(
            labels=train.labels[:16].float(),
            head=step._head,
            random=step.random,
            step=STEP,
            rows=rows + 40 * place,
            modality=name,
            recall=lambda: step.banks,
        )
        crafted = Outputs.of(tower, train.view(name).inputs(range(16)).float().clamp(0, 1).flip(0))
        loss = method.adversarial_loss(crafted, of)
        gradients += torch.autograd.grad(loss, list(tower.parameters()), allow_unused=True)
    return [one for one in gradients if one is not None]


def test_rectification_has_a_gradient_in_both_networks(model: CrossModalHashModel) -> None:
    """In the released code it is a constant: prototypes are detached, and codes of classes fixed."""
    found = parts(FPADTraining(weight=0.0), model)
    assert len(found) == len(list(model.parameters()))
    assert all(one.isfinite().all() for one in found)
    assert sum(bool(one.any()) for one in found) == len(found)
    assert not any(one.any() for one in parts(FPADTraining(weight=0.0, rectification=0.0), model))


def outputs(relaxed: Tensor) -> Outputs:
    """Outputs with these relaxed codes."""
    return Outputs(logits=torch.atanh(relaxed))


# --- the method -------------------------------------------------------------------------------------------------------


def prepared(method: FPADTraining) -> Scene:
    codes = torch.stack([ONE, ONE, TWO, TWO])
    labels = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]])  # nothing has the third class
    banks = Banks(codes=codes, relaxed=0.5 * codes, labels=labels)
    head = method.head(bits=2, classes=3, seed=0)
    method.prepare(head, banks)
    random = Randomness(seed=0, purpose="test")
    return Scene(
        labels=labels[::2],
        head=head,
        random=random,
        step=STEP,
        rows=torch.tensor([0, 2]),
        modality=IMAGE,
        recall=lambda: banks,
    )


def test_the_contrast_by_hand() -> None:
    # u = (1, 1) of class one and (-1, -1) of class two: s of the own class 0, of the other -1: log(1 + e^-t) for both.
    of = prepared(FPADTraining(temperature=2.0))
    found = FPADTraining(temperature=2.0).clean_loss(outputs(A), of)
    assert found.item() == pytest.approx(math.log(1 + math.e**-2))


def test_the_inner_attack_goes_to_the_other_classes() -> None:
    method = FPADTraining(temperature=2.0)
    codes = method.codes(prepared(method))
    assert codes.tolist() == [[[-1, -1], [1, 1]], [[1, 1], [-1, -1]]]
    near, far = method.inner_loss(outputs(A.flip(0)), codes), method.inner_loss(outputs(A), codes)
    assert (near < far).all()


def test_the_radius_is_the_ramps_until_every_item_has_been_attacked() -> None:
    method = FPADTraining(ramp=0.0, temperature=2.0)
    of = prepared(method)
    assert method.share(of) == 1
    method.adversarial_loss(outputs(A.flip(0)), of)  # both are fooled
    assert method.share(of) == pytest.approx((1 + 4 / (1 + math.e**2)) / 2)
    assert replace(method, adaptive=False).share(of) == 1
    assert replace(method, ramp=1.0).share(of) == pytest.approx((1 + 4 / (1 + math.e**2)) / 4)


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"fuzziness": 0.9}, {"weight": -1.0}, {"rectification": -1.0}], ids=str
)
def test_options_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        FPADTraining(**wrong)
