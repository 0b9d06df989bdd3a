"""Purification on digits: it stops what was crafted without it in mind, and not what was crafted through it."""

from pathlib import Path

import pytest

from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.host import PluginHost
from robusthash.results import Access


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("defense", "options"),
    [("bit-depth", {"depth": "1"}), ("jpeg", {}), ("comdefend/fast", {"epochs": "8", "width": "1"})],
    ids=["bit-depth", "jpeg", "comdefend"],
)
def test_purification_stops_the_static_attack_alone(defense: str, options: dict[str, str], tmp_path: Path) -> None:
    attack = {"steps": "40", "step": "adaptive"}
    setting = RunSettings(queries=24, device="cpu", options={defense: options, "hinge": attack})
    request = Request(
        models=("dpsh",),
        surrogates=("dpsh",),
        attacks=("hinge",),
        defenses=(defense,),
        epsilons=(0.1,),
        setting=setting,
    )
    host = PluginHost.load()
    left: dict[Access, float] = {}
    for crafted_on in (request.surrogates, ()):
        asked = Request(**{**vars(request), "surrogates": crafted_on})
        outcome = evaluate(asked, host, results=tmp_path / "results")
        assert not outcome.failures
        attacked = [record for record in outcome.records if record.attack.name == "hinge"]
        left |= {record.access: record.measure("adversarial").value for record in attacked}
    assert left[Access.TRANSFER] > left[Access.WHITE_BOX] + 0.2
