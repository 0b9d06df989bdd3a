"""An attack on a model and images: the images of the command line, byte for byte, and everything left as it was."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import robusthash as rh
from robusthash.adversary import TargetSelector
from robusthash.cli import run
from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    CodeBank,
    HashModel,
    ModelWrapper,
    RetrievalData,
)
from robusthash.errors import PluginError
from robusthash.pixels import to_levels
from robusthash.testing.crossmodal import ToyTowers, toy_pairs


def pictures(folder: Path) -> tuple[Tensor, list[str]]:
    """The PNGs of ``robusthash attack``, (n, 3, h, w) uint8, and the ids of the queries they were made of."""
    told = json.loads((folder / "manifest.json").read_text())["images"]
    pixels = [np.asarray(Image.open(folder / one["file"])).transpose(2, 0, 1) for one in told]
    return torch.from_numpy(np.stack(pixels)), [one["source"] for one in told]


def attacked_by_the_command(tmp_path: Path, user_module: ModuleType, attack: str, *options: str) -> tuple[Tensor, Any]:
    arguments = ["--model", f"{user_module.__file__}:build", "--bits", "16", "--device", "cpu", "--quiet"]
    output = tmp_path / "pictures"
    assert run(["attack", *arguments, "--attack", attack, "--output", str(output), *options]) == 0
    return pictures(output)


# 12 queries are one shard; 130 are two, the last of two images; 129 leave an image alone, which goes through twice.
@pytest.mark.parametrize("queries", [12, 129, 130])
def test_images_equal_those_of_the_command_line(
    tmp_path: Path, user_module: ModuleType, digits: RetrievalData, queries: int
) -> None:
    options = ["--queries", str(queries), "--epsilon", "8/255", "-o", "rnm.steps=4"]
    expected, names = attacked_by_the_command(tmp_path, user_module, "rnm", *options)
    rows = [digits.query.ids.index(name) for name in names]
    model = rh.wrap(user_module.build(16), bits=16, image_size=16)
    inputs = digits.query.images.inputs(rows)
    outcome = rh.attack("rnm", steps=4)(model, inputs, epsilon="8/255", ids=rows)
    assert len(expected) == queries
    assert torch.equal(to_levels(outcome.inputs), expected)
    assert not torch.equal(outcome.inputs, inputs)


def test_an_attack_that_needs_labels_and_a_bank_equals_the_command_line(
    tmp_path: Path, user_module: ModuleType, digits: RetrievalData
) -> None:
    expected, names = attacked_by_the_command(tmp_path, user_module, "center", "--queries", "6", "-o", "center.steps=3")
    rows = [digits.query.ids.index(name) for name in names]
    model = rh.wrap(user_module.build(16), image_size=16)
    outcome = rh.attack("center", steps=3)(
        model,
        digits.query.images.inputs(rows),
        epsilon=digits.epsilon,
        ids=rows,
        labels=digits.query.labels[rows],
        bank=bank_of(model, digits),
    )
    assert torch.equal(to_levels(outcome.inputs), expected)


def test_a_targeted_attack_equals_the_command_line(
    tmp_path: Path, user_module: ModuleType, digits: RetrievalData
) -> None:
    expected, names = attacked_by_the_command(
        tmp_path, user_module, "rnm-p2s", "--queries", "6", "-o", "rnm-p2s.steps=3"
    )
    rows = [digits.query.ids.index(name) for name in names]
    model = rh.wrap(user_module.build(16), image_size=16)
    targets = TargetSelector(seed=0).select(digits.query.labels[rows], torch.tensor(rows), digits.database.labels)
    items = model.represent(digits.database.images.inputs(range(len(digits.database))))
    outcome = rh.attack("rnm-p2s", steps=3)(
        model,
        digits.query.images.inputs(rows),
        epsilon=digits.epsilon,
        ids=rows,
        anchors=targets.anchor_codes(items, model.space),
    )
    assert torch.equal(to_levels(outcome.inputs), expected)


def bank_of(model: HashModel, data: RetrievalData) -> CodeBank:
    codes = model.codes(data.train.images.inputs(range(len(data.train))))
    return CodeBank(codes=codes, labels=data.train.labels)


def test_everything_that_holds_images_is_taken(model: HashModel, images: Tensor) -> None:
    attack = rh.attack("rnm", steps=3)
    expected = attack(model, images, epsilon=0.1).inputs
    levels = to_levels(images)
    mirrored = np.ascontiguousarray(levels.numpy()[:, ::-1])[:, ::-1]  # a view with a negative stride
    for given in (levels, levels.numpy(), mirrored, images.double(), images.numpy(), list(images), images.tolist()):
        assert torch.equal(attack(model, given, epsilon=0.1).inputs, expected)
    assert torch.equal(attack(model, images.half(), epsilon=0.1).inputs, expected)  # a half rounds to the same level


def test_the_outcome_says_how_far_and_at_what_cost(model: HashModel, images: Tensor) -> None:
    outcome = rh.attack("rnm", steps=3)(model, images, epsilon=0.1)
    difference = (outcome.inputs - images).flatten(1).double()
    assert len(outcome) == 5
    assert torch.allclose(outcome.linf, difference.abs().amax(1))
    assert torch.allclose(outcome.l2, difference.norm(dim=1))
    assert float(outcome.linf.max()) <= 0.1 + 1e-6
    flipped = (model.codes(images) != model.codes(outcome.inputs)).sum(1)
    assert torch.equal(outcome.moved, flipped)
    assert int(flipped.sum()) > 0
    assert (outcome.cost.forward, outcome.cost.backward) == (25, 15)
    assert outcome.clipped.shape == (5,)
    assert repr(outcome).startswith("<AttackOutcome: 5 inputs, Linf 0.0")


def test_the_model_and_everything_else_is_left_as_it_was(model: HashModel, network: nn.Module, images: Tensor) -> None:
    network.features.eval()
    network.hash_layer.bias.requires_grad_(False)
    modes = [part.training for part in network.modules()]
    learning = [parameter.requires_grad for parameter in network.parameters()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before, kept = torch.get_rng_state(), images.clone()
    rh.attack("rnm", steps=3)(model, images, epsilon=0.1)
    with pytest.raises(rh.errors.CapabilityError):
        rh.attack("center")(model, images, epsilon=0.1)
    assert [part.training for part in network.modules()] == modes
    assert [parameter.requires_grad for parameter in network.parameters()] == learning
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(images, kept)


def test_seed_ids_and_batch_size(model: HashModel, images: Tensor) -> None:
    attack = rh.attack("noise")
    first = attack(model, images, epsilon=0.1).inputs
    assert not torch.equal(attack(model, images, epsilon=0.1, seed=1).inputs, first)
    assert torch.equal(attack(model, images, epsilon=0.1, batch_size=2).inputs, first)
    shuffled = [3, 0, 4, 1, 2]
    assert torch.equal(attack(model, images[shuffled], epsilon=0.1, ids=np.array(shuffled)).inputs, first[shuffled])


def test_an_attack_is_given_by_name_or_as_an_object(model: HashModel, images: Tensor) -> None:
    by_name = rh.attack("rnm", steps=3)
    by_object, again = rh.attack(by_name.attack), rh.attack(by_name)
    assert repr(by_name) == "<BoundAttack: rnm steps=3>"
    assert by_object.name == again.name == "rnm"
    expected = by_name(model, images, epsilon=0.1)
    assert torch.equal(by_object(model, images, epsilon=0.1).inputs, expected.inputs)
    assert torch.equal(again(model, images, epsilon=0.1).inputs, expected.inputs)


class _Noisy(ModelWrapper):
    """Draws numbers in every pass."""

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(inputs)
        return logits + torch.randn_like(logits)


def test_a_randomised_model_moves_by_the_attack_and_not_by_its_draws(model: HashModel, images: Tensor) -> None:
    outcome = rh.attack("rnm", steps=2)(_Noisy(model), images, epsilon=0)
    assert outcome.moved.tolist() == [0] * 5


@dataclass(frozen=True, kw_only=True)
class Broken(Attack):
    """Raises."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        raise ValueError("no luck")


def test_an_attack_that_raises_is_told(model: HashModel, images: Tensor) -> None:
    with pytest.raises(PluginError, match="ValueError: no luck"):
        rh.attack(Broken())(model, images, epsilon=0.1)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_tower_is_attacked_alone() -> None:
    items = toy_pairs("query", 6, seed=0)
    towers = ToyTowers().build({name: view.modality for name, view in items.views.items()})
    texts = items.view("text").inputs(range(6))
    outcome = rh.attack("rnm", steps=4)(towers.tower("text"), texts, epsilon=1)
    assert outcome.inputs.shape == texts.shape
    assert int(outcome.moved.min()) > 0
    with pytest.raises(rh.errors.UsageError, match="several towers") as refused:
        rh.attack("rnm")(towers, texts, epsilon=1)  # type: ignore[arg-type]  # the error under test
    assert "tower" in str(refused.value.hint)
