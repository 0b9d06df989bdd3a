"""Hardening of models with several towers: what is attacked, what is kept, and that a collapse is refused."""

from copy import deepcopy
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import (
    IMAGE,
    TEXT,
    CrossModalHashModel,
    HashModel,
    Modality,
    Norm,
    Radius,
    RetrievalData,
    Split,
    Threat,
    TrainBatch,
    TrainedDefense,
    TrainStep,
)
from robusthash.errors import CapabilityError, OptionError, TrainingError
from robusthash.hashing import centre
from robusthash.pixels import from_levels
from robusthash.testing import SmallVictim, TextVictim, TowersDefenseContract
from robusthash.testing.crossmodal import WORDS, ToyTowers, toy_pairs
from robusthash.testing.victims import CLASSES, SIDE
from robusthash.training import AdversarialTraining, Outputs, Scene, defense_context, refuse_ruined
from robusthash.training.hardening import AdversarialStep
from robusthash.training.hardening.inner_attack import InnerAttack, descend_by_edits

CPU = torch.device("cpu")
STEP = TrainStep(epoch=0, epochs=4, iteration=0, bits=16)
TRAIN = toy_pairs("train", 40, seed=7, tags=True)


@dataclass(frozen=True, kw_only=True)
class Away(AdversarialTraining):
    """Away from the centre codes."""

    epochs: int = 1
    steps: int = 2

    def codes(self, scene: Scene) -> Tensor:
        return centre(scene.labels, scene.banks.codes, scene.banks.labels).to(scene.banks.codes)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        return -(crafted.relaxed * self.codes(scene)).mean()


class TestAway(TowersDefenseContract):
    @pytest.fixture(params=[{}, {"edits": 1}, {"attacked": "all", "ramp": 1.0}], ids=["radius", "edits", "ramp"])
    def defense(self, request: pytest.FixtureRequest) -> TrainedDefense:
        return Away(**request.param)


def towers() -> CrossModalHashModel:
    return CrossModalHashModel({IMAGE: SmallVictim(), TEXT: TextVictim(width=WORDS * CLASSES)}).eval()


def batch(split: Split = TRAIN, rows: int = 8) -> TrainBatch:
    views = {
        name: from_levels(view.inputs(range(rows))) if name == IMAGE else view.inputs(range(rows))
        for name, view in split.views.items()
    }
    return TrainBatch(views=views, labels=split.labels[:rows].float(), indices=torch.arange(rows))


def started(method: AdversarialTraining, model: CrossModalHashModel) -> AdversarialStep:
    modalities = {name: view.modality for name, view in TRAIN.views.items()}
    step = method.step(None, epsilon=0.1, modalities=modalities)
    step.start(model, TRAIN, STEP, CPU)
    return step


def test_the_banks_have_the_codes_of_every_tower() -> None:
    model = towers()
    banks = started(Away(), model).banks
    assert banks.codes.shape == (80, 16)
    assert torch.equal(banks.labels[:40], banks.labels[40:])
    texts = model.tower(TEXT)(TRAIN.view(TEXT).inputs(range(40))).detach()
    torch.testing.assert_close(banks.relaxed[40:], torch.tanh(texts))


def test_statistics_of_batch_normalisation_stay_and_weights_get_gradients() -> None:
    model = towers()
    step = started(Away(), model)
    model.train()
    before = {name: value.clone() for name, value in model.named_buffers()}
    step.loss(model, batch(), STEP).backward()
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert all(one.grad is not None and one.grad.any() for one in model.parameters() if one.ndim > 1)


@pytest.mark.parametrize("attacked", [IMAGE, TEXT])
def test_one_tower_alone_is_attacked_if_it_is_named(attacked: str) -> None:
    modality = TRAIN.view(attacked).modality
    step = Away().step(None, epsilon=0.1, modalities={attacked: modality})
    model = towers()
    step.start(model, TRAIN, STEP, CPU)
    assert list(step.inners) == [attacked]
    assert [step.reads(name) for name in (IMAGE, TEXT)] == [attacked == IMAGE, attacked == TEXT]
    step.loss(model, batch(), STEP).backward()
    reached = {name: any(one.grad is not None for one in model.tower(name).parameters()) for name in (IMAGE, TEXT)}
    assert reached == {IMAGE: attacked == IMAGE, TEXT: attacked == TEXT}


def test_a_frozen_backbone_is_not_hardened() -> None:
    assert Away(backbone_lr_scale=0.0).recipe.backbone_lr_scale == 0
    assert Away().recipe.backbone_lr_scale == 1
    with pytest.raises(OptionError, match="backbone_lr_scale"):
        Away(backbone_lr_scale=-1.0)


def test_each_tower_is_attacked_within_its_own_threat() -> None:
    modalities = {name: view.modality for name, view in TRAIN.views.items()}
    inners = Away(epsilon=0.5, text_epsilon=0.05).step(None, epsilon=0.2, modalities=modalities).inners
    assert inners[IMAGE].threat == Threat(epsilon=0.2)
    assert inners[TEXT].threat == Threat.on(modalities[TEXT], 0.05)
    edited = Away(edits=2).step(None, epsilon=0.2, modalities=modalities).inners[TEXT].threat
    assert (edited.norm, edited.epsilon) == (Norm.TAGS, 2)


def test_texts_without_tags_are_not_edited() -> None:
    continuous = Modality.text(6)
    with pytest.raises(CapabilityError, match="texts of tags"):
        Away(edits=1).step(None, epsilon=0.1, modalities={TEXT: continuous})


@pytest.mark.parametrize("wrong", [{"ramp": 1.5}, {"ramp": -0.1}, {"edits": 0}, {"text_epsilon": 0.0}])
def test_options_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Away(**wrong)


def scene(epoch: int, epochs: int = 4) -> Scene:
    step = started(Away(), towers())
    where = replace(STEP, epoch=epoch, epochs=epochs)
    return Scene(labels=TRAIN.labels[:2].float(), head=None, random=step.random, step=where, recall=lambda: step.banks)


def test_the_radius_grows_in_equal_steps() -> None:
    of = scene(0)
    grown = [Away(ramp=1.0).share(replace(of, step=replace(STEP, epoch=epoch))) for epoch in range(4)]
    assert grown == [0.25, 0.5, 0.75, 1.0]
    assert Away().share(of) == 1


@pytest.mark.parametrize(
    ("threat", "share", "radius"),
    [
        (Threat(epsilon=8 / 255), 0.75, 6 / 255),  # 6 levels, not 7 by float32
        (Threat(epsilon=8 / 255), 0.76, 7 / 255),
        (Threat(epsilon=8 / 255), 1.0, 8 / 255),
        (Threat(epsilon=0.5 / 255), 0.5, 0.5 / 255),  # never above the whole radius
        (Threat.on(Modality.text(6), 0.05), 0.5, 0.03),
        (Threat.on(Modality.text(6, tags=True), Radius(size=3, norm=Norm.TAGS)), 0.5, 2),
    ],
)
def test_a_share_of_a_radius_is_in_whole_levels(threat: Threat, share: float, radius: float) -> None:
    weaker = InnerAttack(threat=threat, steps=20, size=0.1).weaker(share)
    assert weaker.threat.epsilon == pytest.approx(radius)
    assert weaker.steps == {0.75: 15, 0.76: 16, 1.0: 20, 0.5: 10}[share]


class Weighted(HashModel):
    """Linear in its tags."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        self.bits = 1
        self.modality = Modality.text(len(weights), tags=True)
        self.layer = nn.Linear(len(weights), 1, bias=False)
        with torch.no_grad():
            self.layer.weight[:] = torch.tensor(weights)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.layer(inputs)
        return logits


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (1, [0, 1, 0, 1, 1, 0]),  # drops what weighs most, and adds what weighs least
        (2, [0, 0, 0, 1, 1, 1]),
        (9, [0, 0, 0, 1, 1, 1]),  # nothing more lowers the code: the tag of weight 3 is not added
    ],
)
def test_edits_go_down_the_loss(edits: int, expected: list[int]) -> None:
    model = Weighted([2.0, 1.0, 3.0, -0.5, -2.0, -1.0])
    clean = torch.tensor([[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]])
    threat = Threat.on(model.modality, Radius(size=edits, norm=Norm.TAGS))
    found = descend_by_edits(model, clean, lambda found: found.relaxed.mean(1), threat)
    assert found.tolist() == [expected]
    assert threat.contains(found, clean).all()


class Constant(HashModel):
    """The same code for every input."""

    def __init__(self, modality: Modality, bits: int = 16) -> None:
        super().__init__()
        self.bits = bits
        self.modality = modality

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.ones(len(inputs), self.bits) + 0 * inputs.flatten(1).sum(1, keepdim=True)


def toy_model() -> CrossModalHashModel:
    modalities = {IMAGE: Modality.image(SIDE), TEXT: Modality.text(WORDS * CLASSES)}
    return ToyTowers().build(modalities).eval()


def test_constant_codes_are_no_robustness() -> None:
    model = toy_model()
    refuse_ruined(model, deepcopy(model), TRAIN, seed=0)
    ruined = CrossModalHashModel({name: Constant(model.tower(name).modality) for name in (IMAGE, TEXT)})
    with pytest.raises(TrainingError, match=r"collapsed: MAP .* fell from .*\|mean bit\| is 1.00 .*Nothing is saved"):
        refuse_ruined(model, ruined, TRAIN, seed=0)


def test_one_ruined_tower_is_enough() -> None:
    model = toy_model()
    halves = {IMAGE: model.tower(IMAGE), TEXT: Constant(model.tower(TEXT).modality)}
    with pytest.raises(TrainingError, match="collapsed"):
        refuse_ruined(model, CrossModalHashModel(halves), TRAIN, seed=0)


def test_codes_that_retrieve_nothing_are_refused_though_bits_are_balanced() -> None:
    model = toy_model()
    with pytest.raises(TrainingError, match=r"MAP .* fell from"):
        refuse_ruined(model, towers(), TRAIN, seed=0)


def test_what_was_ruined_before_is_not_judged() -> None:
    constant = Constant(Modality.image(SIDE))
    refuse_ruined(constant, deepcopy(constant), TRAIN, seed=0)


def test_a_training_that_collapses_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class ToOne(Away):
        """Pulls every code to +1: nothing moves it, and nothing is found."""

        lr: float = 0.5
        epochs: int = 4

        def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
            return -crafted.relaxed.mean()

    data = RetrievalData(name="toy", classes=tuple("abcd"), query=TRAIN, database=TRAIN, train=TRAIN, epsilon=0.1)
    with pytest.raises(TrainingError, match="collapsed"):
        ToOne().train_towers(towers(), defense_context(data, seed=0))
