"""A model hardened on the way and its checkpoint: one and the same victim."""

from dataclasses import replace
from pathlib import Path

import pytest

from robusthash.errors import UsageError
from robusthash.evaluation import Request, Setting, evaluate
from robusthash.evaluation.hardened_checkpoint import harden_victim
from robusthash.host import PluginHost

pytestmark = pytest.mark.usefixtures("cache")

OPTIONS = {"train": {"epochs": "3"}, "cgat/fast": {"epochs": "2", "steps": "1"}}
SETTING = Setting(queries=12, shard_size=8, device="cpu", options=OPTIONS)


def test_a_hardened_checkpoint_is_the_defended_model(host: PluginHost, tmp_path: Path) -> None:
    output = tmp_path / "hard.safetensors"
    harden_victim("cgat/fast", "dpsh", 32, SETTING, host, output=output, progress=lambda _done, _total, _what: None)
    request = Request(models=("dpsh",), attacks=(), defenses=("cgat/fast",), epsilons=(0.1,), setting=SETTING)
    (defended,) = evaluate(request, host, results=tmp_path / "results").records
    again = replace(request, models=(str(output),), defenses=("none",), setting=replace(SETTING, options={}))
    outcome = evaluate(again, host, results=tmp_path / "results")
    (given,) = outcome.records
    assert given.defense == defended.defense
    assert given.defense is not None
    assert given.model == defended.model
    assert outcome.reused == {defended.digest}
    with pytest.raises(UsageError, match="has been hardened by 'cgat/fast'"):
        evaluate(replace(again, defenses=("bit-depth",)), host, results=tmp_path / "results")


@pytest.mark.slow
def test_a_hardened_digits_model_is_clearly_more_robust(host: PluginHost, tmp_path: Path) -> None:
    setting = Setting(queries=40, device="cpu", options={"cgat/fast": {"epsilon": "0.1"}, "hinge": {"steps": "40"}})
    request = Request(
        models=("dpsh",), attacks=("hinge",), defenses=("none", "cgat/fast"), epsilons=(0.1,), setting=setting
    )
    outcome = evaluate(request, host, results=tmp_path)
    assert not outcome.failures
    undefended, hardened = (record.metrics for record in outcome.records if record.attack.name == "hinge")
    assert hardened["clean"]["map"].value > 0.9
    assert undefended["adversarial"]["map"].value < 0.2
    assert hardened["adversarial"]["map"].value > undefended["adversarial"]["map"].value + 0.3
