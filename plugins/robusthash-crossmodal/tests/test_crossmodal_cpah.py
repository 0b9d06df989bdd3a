"""CPAH: each part of the loss against a hand-worked value, who learns from which part, and the contract."""

import math

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import IMAGE, TEXT, CrossModalObjective, PairedBatch, TowerBatch, TrainStep
from robusthash.errors import OptionError
from robusthash.specs import ModelSpec
from robusthash.testing import CrossModalObjectiveContract
from robusthash_crossmodal.victims.cpah import CPAH, Common, Judges
from robusthash_crossmodal.victims.specs import models

LOG2 = math.log(2)
WIDTH = 8  #: of features; the judges' hidden layers have one unit


class TestCPAH(CrossModalObjectiveContract):
    @pytest.fixture(params=[CPAH(hidden=16), CPAH(hidden=16, balance=False, gamma=0.0)], ids=["default", "alone"])
    def objective(self, request: pytest.FixtureRequest) -> CrossModalObjective:
        made: CrossModalObjective = request.param
        return made

    @pytest.fixture
    def spec(self) -> ModelSpec:
        return next(spec for spec in models() if spec.name == "cpah")


@pytest.fixture
def judges() -> Judges:
    """Judges of one item with the shared code (1, 1), whose classifiers say the same of everything."""
    made = Judges(2, 3, WIDTH)
    made.codes = torch.ones(1, 2)
    for layer in made.modules():
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    return made


def features(*values: float) -> Tensor:
    return torch.tensor([[*values, *[0.0] * (WIDTH - len(values))]])


def loss(objective: CPAH, judges: Judges, common: dict[str, Tensor] | None = None, label: float = 1.0) -> Tensor:
    """Of one item with the code (1, 1) in both towers: theta is 1."""
    common = common or dict.fromkeys((IMAGE, TEXT), features(1.0))
    towers = {
        name: TowerBatch(
            relaxed=torch.ones(1, 2),
            features=part,
            bank=torch.ones(1, 2),
            start=torch.empty(0),
            stages=(torch.empty(0), 3 * part.detach(), part),
        )
        for name, part in common.items()
    }
    labels = torch.tensor([[label, 0.0, 0.0]])
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=2, head=judges, indices=torch.tensor([0]))
    return objective.loss(PairedBatch(towers=towers, labels=labels, similar=labels @ labels.T), step)


def test_pairs_and_shared_codes(judges: Judges) -> None:
    """A similar pair costs log(1 + e) - 1, another log(1 + e); from the shared code (-1, 1) either tower is 4 away."""
    alone = CPAH(alpha=0.0, gamma=0.0, hidden=WIDTH)
    assert loss(alone, judges).item() == pytest.approx(math.log(1 + math.e) - 1)
    assert loss(alone, judges, label=0.0).item() == pytest.approx(math.log(1 + math.e))
    judges.codes = torch.tensor([[-1.0, 1.0]])
    apart = CPAH(alpha=0.0, gamma=0.0, beta=0.25, hidden=WIDTH)
    assert loss(apart, judges).item() == pytest.approx(math.log(1 + math.e) - 1 + 0.25 * 8)


def test_consistency_and_labels(judges: Judges) -> None:
    """Of the kinds 1/4, 1/2 and 1/4, two private and two common features cost 6 log 2; six labels at 1/2 as much."""
    with torch.no_grad():
        judges.parts[2].bias[1] = LOG2  # type: ignore[index]
    one = features(1.0)
    both = {IMAGE: one, TEXT: one}
    assert judges.consistency(both, both).item() == pytest.approx(6 * LOG2)
    assert judges.labelled(both, torch.tensor([[1.0, 0.0, 0.0]])).item() == pytest.approx(6 * LOG2)
    objective = CPAH(alpha=0.5, gamma=0.0, hidden=WIDTH)
    assert loss(objective, judges).item() == pytest.approx(math.log(1 + math.e) - 1 + 6 * LOG2)


def steep(judges: Judges) -> None:
    """D(x) = 3 x_0 + 4 x_1 where that is positive: a slope of length 5."""
    with torch.no_grad():
        judges.discriminator[0].weight[0, :2] = torch.tensor([3.0, 4.0])  # type: ignore[index]
        judges.discriminator[2].weight[0, 0] = 1.0  # type: ignore[index]


def test_deception_and_discriminator(judges: Judges) -> None:
    steep(judges)
    image, text = features(1.0), features(0.0, 1.0)
    assert judges.deception(text).item() == pytest.approx(math.log1p(math.exp(-4)))
    told = math.log1p(math.exp(-3)) + math.log1p(math.exp(4)) + 10 * (5 - 1) ** 2
    assert judges.told_apart(image, text, 0).item() == pytest.approx(told)
    objective = CPAH(alpha=0.0, gamma=0.5, hidden=WIDTH)
    expected = math.log(1 + math.e) - 1 + 0.5 * math.log1p(math.exp(-4)) + told
    assert loss(objective, judges, {IMAGE: image, TEXT: text}).item() == pytest.approx(expected)


def test_each_side_learns_from_its_own_loss_alone(judges: Judges) -> None:
    """Features of texts from the deception, those of images from neither, the discriminator from telling them apart."""
    steep(judges)
    common = {IMAGE: features(1.0).requires_grad_(), TEXT: features(0.0, 1.0).requires_grad_()}
    loss(CPAH(alpha=0.0, gamma=0.5, hidden=WIDTH), judges, common).backward()  # type: ignore[no-untyped-call]
    image, text = common[IMAGE].grad, common[TEXT].grad
    assert image is not None
    assert not image.any()
    assert text is not None
    slope = -0.5 / (1 + math.exp(4))  # of .5 softplus(-D) at D = 4
    torch.testing.assert_close(text, slope * features(3.0, 4.0))
    found = [parameter.grad for parameter in judges.discriminator.parameters()]
    judges.zero_grad()
    judges.told_apart(features(1.0), features(0.0, 1.0), 0).backward()  # type: ignore[no-untyped-call]
    for one, parameter in zip(found, judges.discriminator.parameters(), strict=True):
        assert one is not None
        assert parameter.grad is not None
        torch.testing.assert_close(one, parameter.grad)


def test_a_discriminator_learns_to_tell_features_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judges = Judges(2, 3, 32)
    images, texts = torch.rand(64, 32, generator=generator), torch.rand(64, 32, generator=generator)
    images[:, :8] += 1.0
    optimiser = torch.optim.Adam(judges.discriminator.parameters(), lr=0.01)
    for iteration in range(200):
        optimiser.zero_grad()
        judges.told_apart(images, texts, iteration).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    right = torch.cat([judges.discriminator(images) > 0, judges.discriminator(texts) < 0]).float().mean()
    assert right > 0.95
    assert judges.deception(texts) > judges.deception(images)


def test_a_mask_splits_features() -> None:
    mask = Common(2)
    with torch.no_grad():
        mask.mask.weight.zero_()
        mask.mask.bias.copy_(torch.tensor([0.0, math.log(3)]))
    torch.testing.assert_close(mask(torch.tensor([[2.0, 4.0]])), torch.tensor([[1.0, 3.0]]))


def test_necks_have_the_published_layers() -> None:
    for modality, count in ((IMAGE, 2), (TEXT, 1)):
        neck, width = CPAH(hidden=16).neck(modality, 7)
        layers, mask = neck.children()
        assert [type(layer) for layer in layers.children()] == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * count
        assert isinstance(mask, Common)
        assert width == 16


@pytest.mark.parametrize("options", [{"alpha": -1.0}, {"beta": -1.0}, {"gamma": -1.0}, {"hidden": 4}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        CPAH(**options)  # type: ignore[arg-type]
