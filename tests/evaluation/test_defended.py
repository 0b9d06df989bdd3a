"""A model hardened on the way and its checkpoint: one and the same victim."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robusthash.errors import UsageError
from robusthash.evaluation import Request, RunSettings, VictimPlan, evaluate
from robusthash.evaluation.tasks.harden import harden_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.hashing import pack
from robusthash.host import PluginHost
from robusthash.results import Against
from robusthash.specs import Direction

pytestmark = pytest.mark.usefixtures("cache")

OPTIONS = {"train": {"epochs": "3"}, "cgat/fast": {"epochs": "2", "steps": "1"}}
SETTING = RunSettings(queries=12, shard_size=8, device="cpu", options=OPTIONS)


def test_a_hardened_checkpoint_is_the_defended_model(host: PluginHost, tmp_path: Path) -> None:
    output = tmp_path / "hard.safetensors"
    harden_victim("cgat/fast", "dpsh", 32, SETTING, host, output=output, progress=lambda _done, _total, _what: None)
    request = Request(models=("dpsh",), attacks=(), defenses=("cgat/fast",), epsilons=(0.1,), setting=SETTING)
    (defended,) = evaluate(request, host, results=tmp_path / "results").records
    again = replace(request, models=(str(output),), defenses=("none",), setting=replace(SETTING, options={}))
    outcome = evaluate(again, host, results=tmp_path / "results")
    (given,) = outcome.records
    assert given.victim.defense == defended.victim.defense
    assert given.victim.defense is not None
    assert given.victim.model == defended.victim.model
    assert outcome.reused == {defended.digest}
    (failure,) = evaluate(replace(again, defenses=("bit-depth",)), host, results=tmp_path / "results").failures
    assert isinstance(failure.error, UsageError)
    assert "has been hardened by 'cgat/fast'" in failure.error.message


def test_a_defended_cell_searches_codes_of_its_own(host: PluginHost) -> None:
    systems = Systems(Resources(SETTING, host, lambda _done, _total, _what: None))
    plain, defended = (
        systems.get(VictimPlan(model="dpsh", bits=32, defense=name), Direction.I2I) for name in (None, "cgat/fast")
    )
    database = systems.resources.data.database.images
    pixels = database.inputs(range(len(database)))
    for system in (plain, defended):
        assert torch.equal(system.database.codes, system.item_model.codes(pixels).cpu())
        assert torch.equal(system.database.representation, pack(system.database.codes))
    assert not torch.equal(plain.database.codes, defended.database.codes)


@pytest.mark.slow
def test_a_hardened_digits_model_holds_out_to_its_radius_and_no_further(host: PluginHost, tmp_path: Path) -> None:
    radii = (0.05, 0.1, 0.2, 0.4)
    setting = RunSettings(queries=40, device="cpu", options={"cgat/fast": {"epsilon": "0.1"}, "hinge": {"steps": "40"}})
    request = Request(
        models=("dpsh",), attacks=("hinge",), defenses=("none", "cgat/fast"), epsilons=radii, setting=setting
    )
    outcome = evaluate(request, host, results=tmp_path)
    assert not outcome.failures
    undefended, hardened = (
        [
            record
            for record in outcome.records
            if record.attack.name == "hinge" and (record.victim.defense is not None) is defended
        ]
        for defended in (False, True)
    )
    assert hardened[0].measure("clean").value > 0.9
    left = [record.measure("adversarial").value for record in hardened]
    assert left[1] > undefended[1].measure("adversarial").value + 0.3
    assert left == sorted(left, reverse=True)
    assert left[-1] < hardened[-1].outcome.floors[Against.OWN]["worst"] + 0.02
