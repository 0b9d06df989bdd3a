"""TRADES, CRDAT and FARE: their losses worked by hand, what their attacks flee, what they need, and their contract."""

import math
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import DefenseContext, HashModel, Norm, Randomness, Space, Threat, TrainedDefense, TrainStep
from robusthash.errors import CapabilityError, OptionError
from robusthash.host import PluginHost, PluginKind
from robusthash.options import as_plain
from robusthash.specs import Distance
from robusthash.testing import DefenseContract, SmallVictim, TowersDefenseContract, toy_images
from robusthash.testing.contracts.defenses import toy_defense_context
from robusthash.training import AdversarialTraining, HashNetwork, Outputs, Recipe, Scene, train, weights_digest
from robusthash.training.hardening.inner_attack import descend_within
from robusthash_defenses.crdat import CRDAT
from robusthash_defenses.fare import FARE
from robusthash_defenses.inner_products import InnerProducts
from robusthash_defenses.trades import TRADES

STEP = TrainStep(epoch=0, epochs=2, iteration=0, bits=2)
BRIEF = {"epochs": 4, "steps": 2, "batch_size": 16, "lr": 0.001}  #: enough to change toy models
LOG3 = math.log(3) / 2  #: a logit whose bit is +1 with probability 3/4


@pytest.fixture(
    params=[TRADES(**BRIEF), CRDAT(**BRIEF, features=0.0), FARE(**BRIEF, norm=Norm.L2, epsilon=0.5)],
    ids=["trades", "crdat", "fare"],
)
def defense(request: pytest.FixtureRequest) -> TrainedDefense:
    made: TrainedDefense = request.param
    return made


class TestContract(DefenseContract):
    @pytest.fixture
    def defense(self, defense: TrainedDefense) -> TrainedDefense:
        return defense


class TestTowers(TowersDefenseContract):
    @pytest.fixture(params=[CRDAT(**BRIEF, features=0.0), FARE(**BRIEF)], ids=["crdat", "fare"])
    def defense(self, request: pytest.FixtureRequest) -> TrainedDefense:
        made: TrainedDefense = request.param
        return made


# --- losses by hand ---------------------------------------------------------------------------------------------------


def outputs(logits: list[float], features: list[float] | None = None) -> Outputs:
    return Outputs(
        logits=torch.tensor([logits], requires_grad=True),
        features=None if features is None else torch.tensor([features]),
    )


def scene(*, clean: Outputs | None = None, taught: Outputs | None = None) -> Scene:
    return Scene(
        labels=torch.zeros(1, 3),
        head=None,
        random=Randomness(seed=0, purpose="test"),
        step=STEP,
        look=lambda: clean or outputs([0.0, 0.0]),
        study=lambda: taught or outputs([0.0, 0.0]),
    )


#: From (1/2, 1/2) to (3/4, 1/2), and back, on average over two bits.
THERE = (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)) / 2
BACK = (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)) / 2


def test_trades_by_hand() -> None:
    of = scene(clean=outputs([0.0, 0.0]))
    crafted = outputs([LOG3, 0.0])
    assert TRADES(weight=3.0).adversarial_loss(crafted, of).item() == pytest.approx(3 * THERE)
    back = scene(clean=outputs([LOG3, 0.0]))
    assert TRADES(weight=1.0).adversarial_loss(outputs([0.0, 0.0]), back).item() == pytest.approx(BACK)
    method = TRADES()
    assert method.inner_loss(crafted, method.codes(of)).tolist() == pytest.approx([-THERE])


def test_crdat_by_hand() -> None:
    of = scene(taught=outputs([LOG3, 0.0], [3.0, 4.0]))
    crafted = outputs([0.0, 0.0], [3.0, 3.0])
    # The features are 1 off, of a length of 5: 1/25 of the square.
    for weight, features in ((1.0, 0.0), (0.0, 1.0), (2.0, 3.0)):
        found = CRDAT(weight=weight, features=features).adversarial_loss(crafted, of)
        assert found.item() == pytest.approx(weight * BACK + features / 25)
    assert CRDAT().codes(of).tolist() == [[1, 1]]
    assert CRDAT().inner_loss(outputs([math.inf, 0.0]), CRDAT().codes(of)).tolist() == [0.5]


@pytest.mark.parametrize(
    ("keeps", "expected"),
    [("features", 1.0), ("logits", LOG3**2), ("codes", 0.25)],  # tanh(log(3) / 2) = 1/2
)
def test_fare_by_hand(keeps: str, expected: float) -> None:
    of = scene(taught=outputs([LOG3, 0.0], [3.0, 4.0]))
    method, crafted = FARE(keeps=keeps), outputs([0.0, 0.0], [3.0, 3.0])  # type: ignore[arg-type]  # one of its literals
    assert method.adversarial_loss(crafted, of).item() == pytest.approx(expected)
    assert method.inner_loss(crafted, method.codes(of)).tolist() == pytest.approx([-expected])


# --- what they need, and what they do not -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", [CRDAT(features=1.0), FARE(keeps="features")])
def test_features_of_a_model_without_a_hash_layer_of_its_own_are_refused(method: AdversarialTraining) -> None:
    with pytest.raises(CapabilityError, match=r"no features.*set (features=0|keeps=logits)"):
        replace(method, epochs=1, steps=1).harden(SmallVictim().eval(), toy_defense_context())


@pytest.fixture(scope="module")
def network() -> HashNetwork:
    """A small network in layers that has learnt toy images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten())
        middle = (0.5, 0.5, 0.5)
        made = HashNetwork(features, 8 * 7 * 7, bits=16, image_size=16, mean=middle, std=middle)
    recipe = Recipe(epochs=6, batch_size=16, lr=0.003)
    train(made, InnerProducts(), recipe, toy_defense_context().data, seed=0, device=torch.device("cpu"))
    return made


def unlabelled() -> DefenseContext:
    """Toy images of which nothing else is known."""
    context = toy_defense_context()
    known = {name: getattr(context.data, name) for name in ("query", "database", "train")}
    splits = {name: replace(split, labels=torch.zeros_like(split.labels)) for name, split in known.items()}
    return replace(context, data=replace(context.data, **splits))


@pytest.mark.parametrize(
    "method",
    [CRDAT(), CRDAT(features=0.0), FARE(), FARE(keeps="features"), FARE(keeps="codes")],
    ids=["crdat", "crdat codes", "fare", "fare features", "fare codes"],
)
def test_without_labels_a_hardened_network_keeps_its_codes_and_loses_fewer(
    method: AdversarialTraining, network: HashNetwork
) -> None:
    context, images = unlabelled(), toy_images(40, seed=9)[0]
    method = replace(
        method, epsilon=0.15, epochs=16, steps=3, batch_size=16, optimizer="adam", lr=0.003, weight_decay=0.0
    )
    hardened = method.harden(network, context)
    wanted = network.codes(images)
    assert float((hardened.codes(images) != wanted).float().mean()) < 0.1
    before, after = (turned(one, images, wanted) for one in (network, hardened))
    assert before > 0.2
    assert after < 0.9 * before, (before, after)


@pytest.mark.parametrize("method", [TRADES, CRDAT, FARE])
def test_there_are_no_banks_and_banks_would_change_nothing(
    method: type[AdversarialTraining], network: HashNetwork
) -> None:
    class Banked(method):  # type: ignore[misc, valid-type]  # any of the three
        banked = True

    context, kept = toy_defense_context(), []
    digests = []
    for kind in (method, Banked):
        made = kind(**BRIEF)
        step = made.step(None, epsilon=0.1)
        step.start(deepcopy(network), context.data.train, STEP, torch.device("cpu"))
        kept.append(set(step.state()))
        digests.append(weights_digest(made.harden(network, context)))
    assert kept == [set(), {"codes", "relaxed"}]
    assert digests[0] == digests[1] != weights_digest(network)


def turned(model: HashModel, images: Tensor, wanted: Tensor) -> float:
    """Share of bits that an attack away from some codes turns."""
    found = descend_within(
        model, images, images, lambda seen: (seen.relaxed * wanted).mean(1), Threat(epsilon=0.15), steps=10, size=0.03
    )
    return float((model.codes(found) != wanted).float().mean())


class Described(HashModel):
    """A model of descriptors, compared by their cosines."""

    bits = None

    def __init__(self, network: HashNetwork) -> None:
        super().__init__()
        self.modality = network.modality
        self.network = deepcopy(network)

    @property
    def space(self) -> Space:
        return Space(distance=Distance.COSINE, size=16)

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.normalize(self.network(inputs))


def test_descriptors_are_held_too(network: HashNetwork) -> None:
    model, images = Described(network).eval(), toy_images(40, seed=9)[0]
    method = FARE(epsilon=0.15, epochs=16, steps=3, batch_size=16, lr=0.003)
    hardened = method.harden(model, unlabelled())
    assert hardened.space == model.space
    wanted = model(images).detach()
    before, after = (drift(one, images, wanted) for one in (model, hardened))
    assert after < 0.8 * before, (before, after)


def drift(model: HashModel, images: Tensor, wanted: Tensor) -> float:
    """How far an attack moves descriptors: the mean of 1 - cos."""
    found = descend_within(
        model, images, images, lambda seen: (seen.logits * wanted).sum(1), Threat(epsilon=0.15), steps=10, size=0.03
    )
    return float((1 - (model(found) * wanted).sum(1)).mean().detach())


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [TRADES, CRDAT, FARE])
def test_the_objective_is_the_own_one_or_none(method: type[AdversarialTraining]) -> None:
    own = InnerProducts()
    kept = method is TRADES  # the others are told by the teacher alone
    assert method().hash_objective(own) is (own if kept else None)
    assert isinstance(method().hash_objective(None), InnerProducts) is kept


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (TRADES, {"weight": 0.0}),
        (TRADES, {"random_start": False}),
        (CRDAT, {"weight": -1.0}),
        (CRDAT, {"weight": 0.0, "features": 0.0}),
        (FARE, {"random_start": False}),
        (FARE, {"edits": 1}),
    ],
)
def test_what_trains_nothing_is_refused(method: type[AdversarialTraining], options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        method(**options)


def test_the_released_preset_is_what_its_repository_runs() -> None:
    host = PluginHost.load()
    found = as_plain(host.create(host.find(PluginKind.DEFENSE, "fare/released")))
    expected = {"epsilon": 4 / 255, "step_size": 1 / 255, "steps": 10, "lr": 1e-5, "weight_decay": 1e-4}
    assert {name: found[name] for name in expected} == expected
    assert (found["optimizer"], found["keeps"], found["batch_size"]) == ("adamw", "features", 128)
