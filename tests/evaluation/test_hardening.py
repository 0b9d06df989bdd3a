"""Hardening as the host does it: once for all that made it, resumed after a kill, kept as a checkpoint."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor, nn

from robusthash.cli import run
from robusthash.contracts import (
    IMAGE,
    Defense,
    DefenseContext,
    HashModel,
    Modality,
    Objective,
    Progress,
    Snapshots,
    silent,
)
from robusthash.errors import CheckpointError, ContractError, UsageError
from robusthash.evaluation import RunSettings, VictimPlan
from robusthash.evaluation.tasks.harden import harden_victim
from robusthash.evaluation.victims.checkpoints import train_checkpoint
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.hardening import Hardened, harden
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost
from robusthash.results import ModelUse
from robusthash.training import (
    AdversarialTraining,
    Description,
    defense_context,
    load_checkpoint,
    tensors_digest,
    weights_digest,
)

pytestmark = pytest.mark.usefixtures("cache")

QUICK = {"train": {"epochs": "3"}, "cgat/fast": {"epochs": "2", "steps": "1"}}
SETTING = RunSettings(options=QUICK, device="cpu")
ARGUMENTS = ["-o", "train.epochs=3", "-o", "cgat/fast.epochs=2", "-o", "cgat/fast.steps=1"]


def workshop(host: PluginHost, setting: RunSettings = SETTING, progress: Progress = silent) -> Resources:
    return Resources(setting, host, progress)


def victim(resources: Resources) -> tuple[HashModel, ModelUse, Description]:
    stored = train_checkpoint(VictimPlan(model="dpsh", bits=32), resources)
    found = get_victim(VictimPlan(model=str(stored.path), bits=32), resources)
    return found.tower(IMAGE), found.use, stored.description


def hardened(resources: Resources, *, known: bool = True) -> Hardened:
    model, use, description = victim(resources)
    return harden(model, use, description if known else None, resources.plugins.defense("cgat/fast"), resources)


def test_it_is_done_once_and_told_in_full(host: PluginHost) -> None:
    resources = workshop(host)
    first = hardened(resources)
    again = hardened(resources)
    assert again.cached
    assert first.path == again.path
    assert first.path is not None
    assert weights_digest(first.model) == weights_digest(again.model) == first.use.digest == again.use.digest
    tensors, description = load_checkpoint(first.path)
    model, use, trained = victim(resources)
    assert tensors_digest(tensors) == first.use.digest != use.digest
    assert replace(first.use, digest=use.digest) == use
    assert weights_digest(model) == trained.weights_digest
    assert description.defense == resources.plugins.defense("cgat/fast").use
    assert replace(description, defense=None, report=trained.report, weights_digest=trained.weights_digest) == trained
    assert description.report["hardened"]["model"]["digest"] == use.digest
    assert not list(first.path.parent.glob("*.partial*"))


@pytest.mark.parametrize(
    "other",
    [
        replace(SETTING, seed=1),
        replace(SETTING, options={**QUICK, "cgat/fast": {**QUICK["cgat/fast"], "epsilon": "0.05"}}),
        replace(SETTING, options={**QUICK, "train": {"epochs": "2"}}),
    ],
    ids=["seed", "defense's option", "victim"],
)
def test_whatever_could_change_it_makes_another(host: PluginHost, other: RunSettings) -> None:
    one, two = hardened(workshop(host)), hardened(workshop(host, other))
    assert one.path != two.path
    assert one.use.digest != two.use.digest


def test_a_broken_off_hardening_goes_on_to_the_same_bytes(host: PluginHost) -> None:
    resources = workshop(host)
    model, _, description = victim(resources)
    undisturbed = hardened(resources)
    assert undisturbed.path is not None
    partial = undisturbed.path.with_suffix(".partial")
    undisturbed.path.unlink()

    class KilledError(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        if done == total:
            raise KilledError

    method, objective = resources.plugins.defense("cgat/fast").plugin, resources.plugins.model("dpsh").plugin
    assert isinstance(method, AdversarialTraining)
    assert isinstance(objective, Objective)
    context = defense_context(
        resources.data,
        seed=0,
        progress=stop,
        objective=objective,
        objective_seed=description.seed,
        device=resources.device,
        snapshots=Snapshots(partial, "test", seconds=0),
    )
    with pytest.raises(KilledError):
        method.train(model, context)
    assert len(list(partial.parent.glob("*.partial.training-*"))) == 1
    steps: list[tuple[int, int]] = []
    resumed = hardened(workshop(host, progress=lambda done, total, _what: steps.append((done, total))))
    assert not resumed.cached
    assert steps[0][0] == steps[0][1] // 2 + 1  # the second of two epochs
    assert resumed.use.digest == undisturbed.use.digest
    assert not list(partial.parent.glob("*.partial*"))


def test_a_model_of_unknown_origin_is_hardened_and_cached_without_description(host: PluginHost) -> None:
    resources = workshop(host)
    first, again = hardened(resources, known=False), hardened(resources, known=False)
    assert again.cached
    assert weights_digest(first.model) == weights_digest(again.model) == again.use.digest
    assert first.path is not None
    with pytest.raises(CheckpointError, match="without robusthash's description"):
        load_checkpoint(first.path)


def test_a_cache_file_that_cannot_be_read_is_made_again(host: PluginHost) -> None:
    resources = workshop(host)
    first = hardened(resources)
    assert first.path is not None
    first.path.write_bytes(first.path.read_bytes()[:100])
    again = hardened(resources)
    assert not again.cached
    assert again.use.digest == first.use.digest


class Wrapping(Defense):
    """Another code length, or the model itself."""

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        return model if model.bits == self.bits else Bare(self.bits)


class Bare(HashModel):
    """A model without a parameter."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.modality = Modality.image(16)

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(inputs, 1).flatten(1).repeat(1, 11)[:, : self.bits] - 0.5


def test_a_wrapper_is_not_cached_and_must_keep_the_code_length(host: PluginHost) -> None:
    resources = workshop(host)
    model, use, description = victim(resources)
    chosen = resources.plugins.defense("bit-depth")
    found = harden(model, use, description, chosen, resources)
    assert (found.path, found.use) == (None, use)
    with pytest.raises(ContractError, match="of the same space, 32 bit"):
        harden(
            model,
            use,
            description,
            Chosen(plugin=Wrapping(16), use=chosen.use, full_name=chosen.full_name),
            resources,
        )


def test_what_cannot_be_hardened_is_refused(host: PluginHost, tmp_path: Path) -> None:
    resources = workshop(host)
    model, use, description = victim(resources)
    chosen = resources.plugins.defense("cgat/fast")
    with pytest.raises(UsageError, match="has been hardened by 'cgat/fast'"):
        harden(model, use, replace(description, defense=chosen.use), chosen, resources)
    with pytest.raises(UsageError, match="nothing to train"):
        harden(Bare(32), replace(use, digest="bare"), None, chosen, resources)
    for defense, name, says in (
        ("bit-depth", "dpsh", "leaves the model itself"),
        ("cgat/fast", str(tmp_path / "own.py:build"), "of your own"),
    ):
        setting = replace(SETTING, options={})
        with pytest.raises(UsageError, match=says):
            harden_victim(defense, name, 32, setting, host, output=None, progress=silent)


def test_another_models_checkpoint_is_refused(host: PluginHost) -> None:
    path = train_checkpoint(VictimPlan(model="dpsh", bits=32), workshop(host)).path
    setting = RunSettings(checkpoint=path, options={"cgat/fast": QUICK["cgat/fast"]}, device="cpu")
    with pytest.raises(CheckpointError, match="has model dpsh, not hashnet"):
        harden_victim("cgat/fast", "hashnet", 32, setting, host, output=None, progress=silent)


def test_the_command_writes_a_checkpoint_that_says_what_hardened_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "hard.safetensors"
    command = ["harden", "cgat/fast", "--model", "dpsh", "--device", "cpu", "--quiet", *ARGUMENTS]
    assert run([*command, "--output", str(output)]) == 0
    assert "next: robusthash eval --model" in capsys.readouterr().out
    tensors, description = load_checkpoint(output)
    assert description.defense is not None
    assert description.defense.name == "cgat/fast"
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cached"] is True
    assert told["weights_digest"] == tensors_digest(tensors)
    assert run(["harden", "nothing", "--model", "dpsh"]) == 2
