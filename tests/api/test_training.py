"""Models trained and hardened from a notebook, and checkpoints."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import robusthash as rh
from robusthash.contracts import HashModel, RetrievalData
from robusthash.errors import UsageError

OPTIONS = {"train": {"epochs": 1}}
CGAT = {"cgat": {"epochs": 1, "steps": 1}}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))


def test_a_trained_model_is_a_checkpoint_and_stands_where_models_do(tmp_path: Path, images: Tensor) -> None:
    output = tmp_path / "dpsh.safetensors"
    trained = rh.train("dpsh", bits=16, output=output, options=OPTIONS)
    assert (trained.path, trained.cached, trained.name) == (output, False, "dpsh")
    assert repr(trained) == f"<Checkpoint: dpsh, 16 bit, {output}>"
    network = trained.load()
    assert (network.bits, network.training, network.name) == (16, False, "dpsh")
    assert not any(parameter.requires_grad for parameter in network.parameters())
    read = rh.Checkpoint.read(str(output))
    assert torch.equal(read.load().codes(images), network.codes(images))
    attack = rh.attack("rnm", steps=3)
    assert torch.equal(attack(read, images, epsilon=0.1).inputs, attack(network, images, epsilon=0.1).inputs)
    digests = {rh.evaluate(model, "noise", queries=5)[0].digest for model in (trained, read, output, str(output))}
    assert len(digests) == 1


def test_a_model_is_trained_once(tmp_path: Path) -> None:
    assert not rh.train("dpsh", bits=8, options=OPTIONS).cached
    assert rh.train("dpsh", bits=8, options=OPTIONS).cached


def test_a_checkpoint_needs_no_dataset(digits: RetrievalData, images: Tensor) -> None:
    trained = rh.train("dpsh", bits=16, dataset=digits, options=OPTIONS)
    assert trained.load().codes(images).shape == (5, 16)


def test_a_wrapper_around_a_model_leaves_it_as_it_was(model: HashModel, network: nn.Module, images: Tensor) -> None:
    hardened = rh.harden("jpeg", model)
    assert isinstance(hardened, HashModel)
    assert hardened.name == "Net + jpeg"
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert hardened.codes(images).shape == (5, 16)
    assert [record.attack.name for record in rh.evaluate(hardened, "noise", queries=5)] == ["noise"]


def test_a_model_of_ones_own_is_hardened_as_a_copy(model: HashModel) -> None:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    hardened = rh.harden("cgat", model, options=CGAT)
    assert isinstance(hardened, HashModel)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert any(not torch.equal(tensor, state[name]) for name, tensor in hardened.state_dict().items())
    with pytest.raises(UsageError, match="no checkpoint to write"):
        rh.harden("cgat", model, output="x.safetensors", options=CGAT)


def test_a_checkpoint_is_hardened_into_another(tmp_path: Path) -> None:
    trained = rh.train("dpsh", bits=16, options=OPTIONS)
    hardened = rh.harden("cgat", trained, output=tmp_path / "hardened.safetensors", options=CGAT)
    assert isinstance(hardened, rh.Checkpoint)
    assert hardened.name == "dpsh + cgat"
    assert hardened.load().bits == 16
    by_name = rh.harden("cgat", "dpsh", bits=16, options={**OPTIONS, **CGAT})
    assert isinstance(by_name, rh.Checkpoint)
    assert by_name.description.weights_digest == hardened.description.weights_digest


def test_options_of_what_is_not_used_are_refused(model: HashModel) -> None:
    with pytest.raises(UsageError, match="cgatt"):
        rh.harden("jpeg", model, options={"cgatt": {"epochs": 1}})
