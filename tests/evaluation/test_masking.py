"""Masked gradients are told from honest ones: each mask by the check that is about it, and an honest model by none."""

from dataclasses import replace
from pathlib import Path

import pytest

from robusthash.evaluation import Request, RunSettings, evaluate, train_victim
from robusthash.host import PluginHost
from robusthash.results import Record

pytestmark = pytest.mark.usefixtures("cache")

OPTIONS = {"train": {"epochs": "3"}}
SETTING = RunSettings(queries=24, options=OPTIONS)

MASKS = """
import torch
from torch import nn
from robusthash.contracts import HashModel
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation import RunSettings
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost


class Masked(HashModel):
    def __init__(self, before, after):
        super().__init__()
        resources = Resources(RunSettings(), PluginHost.load(), lambda *_: None)
        self.inner = get_victim(VictimPlan(model={checkpoint!r}, bits=32), resources).model
        self.bits, self.modality = self.inner.bits, self.inner.modality
        self.before, self.after = before, after

    def forward(self, inputs):
        return self.after(self.inner(self.before(inputs)))


def same(x):
    return x


def honest():
    return Masked(same, same)


def saturated():
    return Masked(same, lambda logits: torch.tanh(1e4 * logits))


def loud():
    return Masked(same, lambda logits: 1e4 * logits)


def quantised():
    return Masked(lambda images: torch.round(images * 15) / 15, same)


def noisy():
    return Masked(lambda images: images + 0.2 * torch.randn_like(images), same)
"""


@pytest.fixture(scope="module")
def masks(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of masked models over one trained network."""
    folder = tmp_path_factory.mktemp("masks")
    checkpoint = train_victim(
        "dpsh", 32, SETTING, host, output=folder / "victim.safetensors", progress=lambda _d, _t, _w: None
    ).path
    file = folder / "masks.py"
    file.write_text(MASKS.replace("{checkpoint!r}", repr(str(checkpoint))))
    return file


def flags(model: str, attack: str, host: PluginHost, folder: Path, setting: RunSettings = SETTING) -> set[str]:
    """Ids of the checks that fail for an attack on a model."""
    unused = replace(setting, options={name: one for name, one in setting.options.items() if name != "train"})
    outcome = evaluate(Request(models=(model,), attacks=(attack,), setting=unused), host, results=folder)
    assert not outcome.failures, outcome.failures
    record: Record = outcome.records[-1]
    return {flag.id for flag in record.outcome.flags}


@pytest.mark.parametrize(
    ("mask", "attack", "expected"),
    [
        ("honest", "rnm", set()),
        ("honest", "tanh", set()),
        ("saturated", "rnm", {"RH007"}),
        ("loud", "tanh", {"RH003", "RH004"}),
        ("quantised", "rnm", {"RH009"}),
        ("noisy", "rnm", {"RH008"}),
    ],
)
def test_each_mask_is_flagged_by_its_own_check(
    mask: str, attack: str, expected: set[str], masks: Path, host: PluginHost, tmp_path: Path
) -> None:
    fixed = {"tanh": {"scale": "1"}} if attack == "tanh" else {}  # one that follows the logits does not vanish
    found = flags(f"{masks}:{mask}", attack, host, tmp_path, replace(SETTING, options=fixed))
    own = {"RH007", "RH008", "RH009"}
    assert found & own == expected & own
    if expected:
        assert found & expected
    else:
        assert not found


def test_a_randomised_victim_gives_the_same_record_twice(masks: Path, host: PluginHost, tmp_path: Path) -> None:
    request = Request(models=(f"{masks}:noisy",), attacks=("rnm",), setting=replace(SETTING, options={}))
    first, again = (evaluate(request, host, results=tmp_path / name).records for name in ("first", "again"))
    assert [record.reproducible() for record in first] == [record.reproducible() for record in again]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_an_honest_model_is_flagged_by_nothing(seed: int, host: PluginHost, tmp_path: Path) -> None:
    attacks = ("rnm", "rnm-p2s", "hinge")
    options = {**OPTIONS, **{attack: {"steps": "40"} for attack in attacks}}
    setting = replace(SETTING, seed=seed, options=options)
    request = Request(models=("dpsh",), attacks=attacks, epsilons=(0.1,), setting=setting)
    for record in evaluate(request, host, results=tmp_path).records:
        assert record.outcome.flags == ()
