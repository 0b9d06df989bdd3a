"""Any network becomes a hash model, and stays what it was."""

import pytest
import torch
from torch import nn

import robusthash as rh
from robusthash.contracts import CrossModalHashModel, HashModel, Modality
from robusthash.testing.crossmodal import ToyTowers, toy_pairs


def test_it_shares_the_network_and_has_its_code_length(network: nn.Module, images: torch.Tensor) -> None:
    model = rh.wrap(network, image_size=16)
    assert isinstance(model, HashModel)
    assert (model.bits, model.modality, model.name) == (16, Modality.image(16), "Net")
    assert model.codes(images).shape == (5, 16)
    before = model.codes(images)
    with torch.no_grad():
        network.hash_layer.weight.neg_()
        network.hash_layer.bias.neg_()
    assert torch.equal(model.codes(images), -before)
    assert rh.wrap(network, image_size=16, bits=16, name="mine").name == "mine"


@pytest.mark.parametrize("training", [True, False])
def test_it_changes_nothing_about_the_network(network: nn.Module, training: bool) -> None:
    network.train(training)
    network.features.eval()
    modes = [part.training for part in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    model = rh.wrap(network, image_size=16)
    assert [part.training for part in network.modules()] == modes
    assert model.training is training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_images_need_not_be_square() -> None:
    model = rh.wrap(nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 8, 4)), image_size=(12, 8))
    assert model.modality == Modality.image(12, 8)
    outcome = rh.attack("rnm", steps=2)(model, torch.zeros(2, 3, 12, 8), epsilon=0.1)
    assert outcome.inputs.shape == (2, 3, 12, 8)


def test_a_hash_model_is_returned_as_it_is_and_needs_no_size(model: HashModel) -> None:
    assert rh.wrap(model) is model
    assert model.name == "Net"
    assert rh.wrap(model, name="mine").name == "mine"


def test_two_towers_are_returned_as_they_are() -> None:
    items = toy_pairs("query", 2, seed=0)
    towers = ToyTowers().build({name: view.modality for name, view in items.views.items()})
    assert isinstance(towers, CrossModalHashModel)
    assert rh.wrap(towers) is towers


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
def test_a_network_on_the_gpu_is_wrapped_there(network: nn.Module, images: torch.Tensor) -> None:
    model = rh.wrap(network.cuda(), image_size=16)
    outcome = rh.attack("rnm", steps=3)(model, images, epsilon=0.1)
    assert outcome.inputs.device.type == "cpu"
    assert model.network.hash_layer.weight.device.type == "cuda"
    assert rh.attack("rnm", steps=3)(model, images.cuda(), epsilon=0.1).inputs.device.type == "cuda"
