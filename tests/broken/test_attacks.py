"""Third-party plugins that misbehave while they run: each is named, and all else works."""

from dataclasses import replace
from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.errors import ContractError, PluginError
from robusthash.evaluation import Request, evaluate
from robusthash.host import PluginHost
from robusthash.results import Record

BROKEN = """
from dataclasses import dataclass

import torch

from robusthash import hookimpl
from robusthash.contracts import Attack
from robusthash.specs import AttackSpec, Goal

NAMES = ("NaNs", "Raises", "OtherShape", "ChangesWeights", "ChangesInputs", "LeavesTheBall", "Exits")


@hookimpl
def robusthash_attacks():
    for name in NAMES:
        yield AttackSpec(
            name=name.lower(), factory=f"bad_attacks:{name}", summary=name, goals=frozenset({Goal.UNTARGETED})
        )


@dataclass(frozen=True, kw_only=True)
class NaNs(Attack):
    def perturb(self, batch, context):
        return batch.inputs * float("nan")


@dataclass(frozen=True, kw_only=True)
class Raises(Attack):
    def perturb(self, batch, context):
        raise ZeroDivisionError("one over nothing")


@dataclass(frozen=True, kw_only=True)
class Exits(Attack):
    def perturb(self, batch, context):
        raise SystemExit(0)


@dataclass(frozen=True, kw_only=True)
class OtherShape(Attack):
    def perturb(self, batch, context):
        return batch.inputs[:, :1]


@dataclass(frozen=True, kw_only=True)
class ChangesWeights(Attack):
    def perturb(self, batch, context):
        next(context.surrogate.model.parameters()).data[0].add_(1)
        return batch.inputs


@dataclass(frozen=True, kw_only=True)
class ChangesInputs(Attack):
    def perturb(self, batch, context):
        return batch.inputs.zero_()


@dataclass(frozen=True, kw_only=True)
class LeavesTheBall(Attack):
    def perturb(self, batch, context):
        return batch.inputs + 1
"""

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def bad_host(site) -> PluginHost:  # type: ignore[no-untyped-def]  # the fixture's class lives in conftest
    site.install("bad-attacks", BROKEN, version="0.3")
    return PluginHost.load()


@pytest.fixture(scope="module")
def alone(host: PluginHost, cache: Path, small: Request, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """What a run without a bad attack gives."""
    return evaluate(small, host, results=tmp_path_factory.mktemp("alone")).records


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("nans", ContractError, "NaN"),
        ("raises", PluginError, "ZeroDivisionError: one over nothing"),
        ("exits", PluginError, "SystemExit"),
        ("othershape", ContractError, "returned"),
        ("changesweights", ContractError, "changed the model"),
        ("changesinputs", ContractError, "in place"),
    ],
)
def test_an_attack_that_breaks_its_contract_is_named_and_the_others_go_on(
    name: str,
    error: type[Exception],
    says: str,
    bad_host: PluginHost,
    small: Request,
    alone: list[Record],
    tmp_path: Path,
) -> None:
    outcome = evaluate(replace(small, attacks=(name, "rnm")), bad_host, results=tmp_path)
    assert [record.attack.name for record in outcome.records] == ["noise", "rnm"]
    (failure,) = outcome.failures
    assert (failure.cell.attack, failure.owner) == (name, "bad-attacks 0.3")
    assert isinstance(failure.error, error)
    assert says in failure.error.message
    assert [record.reproducible() for record in outcome.records] == [record.reproducible() for record in alone]


def test_an_attack_that_leaves_the_ball_is_held_to_it_and_flagged(
    bad_host: PluginHost, small: Request, tmp_path: Path
) -> None:
    setting = replace(small.setting, options={"train": {"epochs": "3"}})
    request = replace(small, attacks=("leavestheball",), epsilons=(0.1,), setting=setting)
    outcome = evaluate(request, bad_host, results=tmp_path)
    record = outcome.records[-1]
    assert record.outcome.imagery["linf"] <= 0.1 + 1e-6
    assert record.outcome.imagery["clipped"] > 0.5
    assert "RH005" in {flag.id for flag in record.outcome.flags}


def test_the_command_ends_with_code_1_and_shows_what_could_be_run(
    bad_host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--queries", "10", "-o", "train.epochs=3", "-o", "rnm.steps=5", "--quiet")
    assert run(("eval", "--model", "dpsh", "--attack", "raises", "--attack", "rnm", *options)) == 1
    output, error = capsys.readouterr()
    assert "rnm" in output
    assert (
        "error: raises on dpsh 32 bit: attack 'raises' of bad-attacks 0.3 was to perturb 10 inputs, and raised Zero"
        in error
    )
    assert "Traceback" not in error
