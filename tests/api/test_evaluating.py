"""Models under attack from a notebook: what the command line gives, with objects wherever names stand."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robusthash as rh
from robusthash.cli import run
from robusthash.contracts import Attack, AttackBatch, AttackContext, HashModel, RetrievalData
from robusthash.errors import PluginError, RobustHashWarning
from robusthash.results import Record
from robusthash.testing.crossmodal import ToyPairs, ToyTowers

QUICK: dict[str, Any] = {"queries": 10, "options": {"rnm": {"steps": 3}}}


@dataclass(frozen=True, kw_only=True)
class Broken(Attack):
    """Raises."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        raise ValueError("no luck")


def numbers(record: Record) -> dict[str, Any]:
    """What a record measured."""
    return {"metrics": record.outcome.metrics, "imagery": record.outcome.imagery, "floors": record.outcome.floors}


def test_five_lines_give_a_leaderboard(network: nn.Module) -> None:
    found = rh.evaluate(rh.wrap(network, image_size=16, name="mine"), "rnm", **QUICK)
    assert [record.attack.name for record in found] == ["noise", "rnm"]
    assert found.failures == ()
    assert "mine 16 bit" in str(found.leaderboard())
    assert "rnm" in found.leaderboard()._repr_html_()
    frame = found.to_frame()
    assert frame["attack"].tolist() == ["noise", "rnm"]
    assert frame["attacked"][1] < frame["clean"][1]
    assert repr(found) == "<Evaluation: 2 records>"


def test_a_model_in_memory_scores_as_its_file_does(tmp_path: Path, user_module: ModuleType) -> None:
    named = f"{user_module.__file__}:build"
    arguments = ["--model", named, "--bits", "16", "--attack", "rnm", "--queries", "10", "-o", "rnm.steps=3", "--quiet"]
    assert run(["eval", *arguments, "--results", str(tmp_path / "results")]) == 0
    by_command = rh.load_results(tmp_path / "results").select(attacks="rnm")[0]
    by_name = rh.evaluate(named, "rnm", bits=16, **QUICK)[1]
    in_memory = rh.evaluate(rh.wrap(user_module.build(16), image_size=16), "rnm", **QUICK)[1]
    assert by_name.digest == by_command.digest
    assert numbers(by_name) == numbers(by_command) == numbers(in_memory)
    assert in_memory.victim.model.owner == "in memory own_network:Net"


def test_objects_are_what_their_names_are(model: HashModel, digits: RetrievalData) -> None:
    by_name = rh.evaluate(model, ["rnm", "noise"], **QUICK)
    bound = rh.attack("rnm", steps=3)
    for attack in (bound, bound.attack, [bound.attack, "noise"]):
        found = rh.evaluate(model, attack, queries=10)
        assert [record.digest for record in found] == [record.digest for record in by_name]
    loaded = rh.evaluate(model, bound, dataset=digits, queries=10)
    assert [numbers(record) for record in loaded] == [numbers(record) for record in by_name]


def test_attacks_of_one_name_with_other_options_stand_side_by_side(model: HashModel) -> None:
    found = rh.evaluate(model, [rh.attack("rnm", steps=2), rh.attack("rnm", steps=3)], queries=10)
    assert [record.attack.effort and record.attack.effort.value for record in found] == [None, 2, 3]
    swept = rh.evaluate(model, "rnm", vary={"rnm": {"steps": [2, 3]}}, queries=10)
    assert [record.digest for record in swept] == [record.digest for record in found]


def test_an_attack_object_is_crafted_once_for_several_victims(user_module: ModuleType) -> None:
    victims = [rh.wrap(user_module.build(bits), image_size=16, name=f"m{bits}") for bits in (8, 16, 24)]
    found = rh.evaluate(victims, rh.attack("rnm", steps=3), surrogates=victims[0], queries=10)
    assert [str(record.access) for record in found.select(attacks="rnm")] == ["white-box", "transfer", "transfer"]


def test_two_towers_are_evaluated_in_memory_in_every_direction() -> None:
    data = ToyPairs()
    items = data.load(rh.contracts.DatasetContext(root=None, cache=Path()))
    towers = ToyTowers().build(items.modalities)
    found = rh.evaluate(towers, "rnm", dataset=data, directions=["i2t", "t2i"], epsilons=0.5, **QUICK)
    assert [str(record.victim.direction) for record in found.select(attacks="rnm")] == ["i2t", "t2i"]


def test_records_are_kept_and_reused(model: HashModel, tmp_path: Path) -> None:
    first = rh.evaluate(model, "rnm", results=tmp_path / "kept", **QUICK)
    created = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.json")}
    again = rh.evaluate(model, "rnm", results=str(tmp_path / "kept"), **QUICK)
    assert {path: path.stat().st_mtime_ns for path in created} == created
    stored = rh.load_results(tmp_path / "kept")
    assert {record.digest for record in stored} == {record.digest for record in first}
    assert list(again) == list(first)


def test_models_and_everything_else_are_left_as_they_were(model: HashModel, network: nn.Module) -> None:
    network.features.eval()
    network.hash_layer.bias.requires_grad_(False)
    modes = [part.training for part in network.modules()]
    learning = [parameter.requires_grad for parameter in network.parameters()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before = torch.get_rng_state()
    with pytest.raises(PluginError):
        rh.evaluate(model, Broken(), queries=4)
    rh.evaluate(model, "rnm", defenses=["none", "jpeg"], **QUICK)
    assert [part.training for part in network.modules()] == modes
    assert [parameter.requires_grad for parameter in network.parameters()] == learning
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)


def test_one_failed_cell_is_a_warning_and_the_only_one_an_error(model: HashModel) -> None:
    with pytest.warns(RobustHashWarning, match=r"Broken on Net 16 bit failed: .*ValueError: no luck"):
        found = rh.evaluate(model, [Broken(), "rnm"], **QUICK)
    assert [record.attack.name for record in found] == ["noise", "rnm"]
    assert [type(failure.error) for failure in found.failures] == [PluginError]
    assert repr(found) == "<Evaluation: 2 records, 1 failed>"
    with pytest.raises(PluginError, match="no luck"):
        rh.evaluate(model, Broken(), queries=4)


def test_numbers_of_numpy_are_numbers(model: HashModel) -> None:
    import numpy as np

    found = rh.evaluate(
        model, "noise", epsilons=np.linspace(0.1, 0.2, 2, dtype=np.float32), queries=np.int64(5), seed=np.uint8(3)
    )
    assert [round(record.attack.epsilon, 3) for record in found] == [0.1, 0.2]
    assert json.dumps(found[0].conditions.seed) == "3"


@pytest.mark.slow
def test_workers_are_sent_a_model_and_give_the_same_bytes(model: HashModel) -> None:
    here = rh.evaluate(model, rh.attack("rnm", steps=3), queries=20, shard_size=8)
    there = rh.evaluate(model, rh.attack("rnm", steps=3), queries=20, shard_size=8, workers=2)
    assert [numbers(record) for record in there] == [numbers(record) for record in here]
    assert [record.digest for record in there] == [record.digest for record in here]


def test_workers_cannot_be_sent_what_cannot_be_pickled(model: HashModel) -> None:
    model.extra = lambda: None
    with pytest.raises(rh.errors.UsageError, match="cannot be sent to worker processes") as refused:
        rh.evaluate(model, "rnm", workers=2, **QUICK)
    assert "module that can be imported" in str(refused.value.hint)


_NOTEBOOK = """
import robusthash as rh
from torch import nn

class Net(nn.Sequential):
    pass

model = rh.wrap(Net(nn.Flatten(), nn.Linear(768, 8)), image_size=16)
try:
    rh.evaluate(model, "rnm", queries=4, workers=2)
except rh.errors.UsageError as error:
    print(error)
"""


@pytest.mark.slow
def test_workers_cannot_load_a_class_of_a_notebook() -> None:
    # What is typed in a notebook, as what is given with -c, is in a module that no other process can import.
    done = subprocess.run([sys.executable, "-c", _NOTEBOOK], capture_output=True, text=True, check=True)
    assert "a worker process cannot load an object" in done.stdout
    assert "Net" in done.stdout
    assert "omit workers" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_told_of_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import robusthash as rh\n"
        'rh.evaluate("dpsh", "noise", queries=4, workers=2, options={"train": {"epochs": 1}})\n'
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a worker process died" in done.stderr
    assert '`if __name__ == "__main__":`' in done.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize(("place", "device"), [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "auto")])
def test_a_model_is_back_where_it_was(model: HashModel, place: str, device: str) -> None:
    model.to(place)
    rh.evaluate(model, "rnm", device=device, **QUICK)
    assert {tensor.device.type for tensor in model.state_dict().values()} == {place}
    assert {tensor.device.type for tensor in rh.harden("jpeg", model, device=device).state_dict().values()} == {place}
