"""One plugin object of every kind, broken in every way: the fault is named, and whatever can go on goes on."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from robusthash.errors import RobustHashError, RobustHashWarning
from robusthash.evaluation import Request, RunOutcome, RunSettings, choose_executor, evaluate
from robusthash.host import PluginHost
from tests.conftest import Site

OWNER = "broken-parts 0.7"
SOURCE = Path(__file__).with_name("broken_parts.py").read_text()

#: Ways to break out of a call, whatever is called.
BREAKS = ("raises", "mute", "odd", "exits", "imitates", "ends")


class Case(NamedTuple):
    """A plugin object that is broken at one place.

    Attributes:
        name: of the plugin object.
        at: the place.
        fault: what it does there.
        scope: how far the fault reaches: ``cell`` or ``run``.
    """

    name: str
    at: str
    fault: str
    scope: str

    def __str__(self) -> str:
        return f"{self.name}-{self.at}-{self.fault}"


#: Places that can break, and nonsense that they may return. What is broken for all cells ends the run.
PLACES: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("broken", "perturb"): ("cell", ("none", "text", "nan", "short", "double", "complex", "numpy", "recursion")),
    ("broken", "needs"): ("run", ("none", "text")),
    ("broken-learner", "fit"): ("cell", ("text", "generator")),
    ("broken-gradient", "loss"): ("cell", ("none", "short", "detached", "complex", "text")),
    ("broken-data", "load"): ("run", ("none", "text")),
    ("broken-data", "read"): ("cell", ("none", "short", "double", "numpy")),
    ("broken-data", "identity"): ("run", ("none",)),
    ("broken-data", "labels"): ("run", ("short", "double", "wide")),
    ("broken-data", "epsilon"): ("run", ("none",)),
    ("broken-net", "build"): ("cell", ("none", "text", "short")),
    ("broken-net", "features"): ("cell", ("none", "short", "wide", "complex", "whole")),
    ("broken-net", "state"): ("cell", ("none",)),
    ("broken-loss", "head"): ("cell", ("text",)),
    ("broken-loss", "relax"): ("cell", ("none", "short")),
    ("broken-loss", "loss"): ("cell", ("none", "vector", "whole", "detached", "numpy", "complex")),
    ("broken-form", "project"): ("cell", ("none", "text")),
    ("broken-form", "weight"): ("cell", ("none", "short", "nan")),
    ("broken-descriptor", "describe"): ("cell", ("none", "whole", "complex")),
    ("broken-descriptor", "distance"): ("run", ("none", "text")),
    ("broken-model", "build"): ("cell", ("none", "text")),
    ("broken-model", "forward"): ("cell", ("none", "short", "wide", "complex", "whole", "numpy")),
    ("broken-model", "nan"): ("cell", ("none",)),
    ("broken-defense", "nan"): ("cell", ("none",)),
    ("broken-model", "bits"): ("run", ("none", "text")),
    ("broken-model", "state"): ("cell", ("none",)),
    ("broken-model", "quantised"): ("cell", ("none",)),
    ("broken-defense", "harden"): ("cell", ("none", "text")),
    ("broken-defense", "forward"): ("cell", ("none", "short")),
    ("broken-training", "train"): ("cell", ("none", "text")),
    ("broken-search", "index"): ("cell", ("none", "text")),
    ("broken-search", "search"): ("cell", ("none", "text")),
    ("broken-search", "ids"): ("cell", ("none", "short", "double", "numpy")),
    ("broken-search", "distances"): ("cell", ("none", "short", "double", "nan")),
    ("broken-search", "capabilities"): ("run", ("none", "text")),
    ("broken-metric", "per_query"): ("cell", ("none", "text")),
    ("broken-metric", "expected"): ("cell", ("none", "nan", "short")),
    ("broken-metric", "band"): ("cell", ("none",)),
    ("broken-metric", "name"): ("run", ("none",)),
    ("broken-place", "start"): ("run", ("none", "text")),
    ("broken-place", "enter"): ("run", ("none",)),
    ("broken-place", "run"): ("cell", ()),
    ("broken-place", "finish"): ("cell", ("none", "text")),
}
#: Places that are no calls into the plugin, but a wrong value of what it holds.
VALUES = {("broken-data", "labels"), ("broken-data", "epsilon"), ("broken-net", "state"), ("broken-model", "state")}
VALUES |= {
    ("broken-model", "nan"),
    ("broken-defense", "nan"),
    ("broken-model", "quantised"),
    ("broken-form", "weight"),
    ("broken-metric", "band"),
}
VALUES |= {("broken-metric", "expected"), ("broken-search", "ids"), ("broken-search", "distances")}
#: The rarer breaks are tried where the code around the call differs.
FULLY = {("broken", "perturb"), ("broken-learner", "fit"), ("broken-data", "load"), ("broken-loss", "loss")}
FULLY |= {("broken-model", "forward"), ("broken-search", "search"), ("broken-metric", "per_query")}
FULLY |= {("broken-defense", "harden"), ("broken-place", "run")}


def _cases() -> Iterator[Case]:
    for (name, at), (scope, nonsense) in PLACES.items():
        breaks = () if (name, at) in VALUES else BREAKS if (name, at) in FULLY else ("raises", "exits")
        for fault in (*breaks, *nonsense):
            yield Case(name, at, fault, scope)


CASES = list(_cases())


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginHost]:
    """All that is installed, and the broken distribution beside it."""
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder)
    site.install("broken-parts", SOURCE, version="0.7")
    sys.path.insert(0, str(folder))
    yield PluginHost.load(strict=True)
    sys.path.remove(str(folder))
    del sys.modules["broken_parts"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))


def run(case: Case, host: PluginHost, results: Path) -> RunOutcome:
    """Evaluates with the broken object in its role, beside objects that work."""
    kind = case.name.removeprefix("broken-")
    model = case.name if kind in ("model", "loss", "form", "descriptor") else "broken-model"
    if kind == "net":
        model = "broken-form"
    setting = RunSettings(
        dataset="broken-data",
        device="cpu",
        metrics=("broken-metric",) if kind == "metric" else ("map",),
        retriever="broken-search" if kind == "search" else "torch",
        options={case.name: {"at": case.at, "fault": case.fault}},
    )
    others = ("broken-model",) if model != "broken-model" else ()
    attacks = (case.name, "hag") if kind in ("broken", "learner", "gradient") else ("hag",)
    attacks = ("noise",) if kind == "descriptor" else attacks
    request = Request(
        models=(model, *others),
        attacks=attacks,
        bits=(8,),
        defenses=(case.name,) if kind in ("defense", "training") else ("none",),
        setting=replace(setting, options={**setting.options, **({"hag": {"steps": "1"}} if "hag" in attacks else {})}),
    )
    executor = choose_executor(host, case.name, options=setting.options) if kind == "place" else None
    return evaluate(request, host, results=results, executor=executor)


def require_named(error: RobustHashError) -> None:
    assert OWNER in error.message, error.message
    assert error.owner == OWNER
    assert error.exit_code in (1, 2)
    assert "internal error" not in error.message


def require_restored() -> None:
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_part_is_named(case: Case, broken: PluginHost, tmp_path: Path) -> None:
    if case.scope == "run":
        with pytest.raises(RobustHashError) as caught:
            run(case, broken, tmp_path)
        require_named(caught.value)
    else:
        outcome = run(case, broken, tmp_path)
        assert outcome.failures
        for failure in outcome.failures:
            require_named(failure.error)
            assert failure.owner == OWNER
        if case.name in ("broken-net", "broken-loss", "broken-form", "broken-descriptor"):
            assert {record.victim.model.name for record in outcome.records} == {"broken-model"}
        if case.name in ("broken", "broken-learner", "broken-gradient"):
            assert [record.attack.name for record in outcome.records] == ["noise", "hag"]
    require_restored()


def test_there_are_150_of_them() -> None:
    assert len(CASES) >= 150


@pytest.mark.parametrize("at", ["run_started", "cell_finished", "run_finished"])
@pytest.mark.parametrize("fault", BREAKS)
def test_a_broken_observer_is_named_and_stops_nothing(at: str, fault: str, broken: PluginHost, tmp_path: Path) -> None:
    observed: dict[str, Any] = sys.modules["broken_parts"].OBSERVED
    before = len(broken.problems)
    observed |= {"at": at, "fault": fault}
    try:
        outcome = run(Case("broken-model", "", "", "run"), broken, tmp_path)
    finally:
        observed |= {"at": "", "fault": ""}
    assert [record.attack.name for record in outcome.records] == ["noise", "hag"]
    assert broken.problems[before:]
    assert all(OWNER in problem.message and at in problem.message for problem in broken.problems[before:])


STATE = {
    "gradients-off": "torch.set_grad_enabled",
    "double-default": "torch.set_default_dtype",
    "threads": "torch.set_num_threads",
    "environment": "the environment variable ROBUSTHASH_CACHE",
    "folder": "the working folder",
    "numpy-errors": "numpy.seterr",
}


@pytest.mark.parametrize("place", [("broken", "perturb"), ("broken-data", "load"), ("broken-search", "index")], ids=str)
@pytest.mark.parametrize("fault", STATE)
def test_state_that_a_part_leaves_behind_is_restored_and_told(
    place: tuple[str, str], fault: str, broken: PluginHost, tmp_path: Path
) -> None:
    before = (Path.cwd(), os.environ["ROBUSTHASH_CACHE"], torch.get_num_threads(), np.geterr())
    with pytest.warns(RobustHashWarning, match=rf"{OWNER} changed {STATE[fault]}"):
        outcome = run(Case(*place, fault, "cell"), broken, tmp_path)
    assert not outcome.failures
    assert (Path.cwd(), os.environ["ROBUSTHASH_CACHE"], torch.get_num_threads(), np.geterr()) == before
    require_restored()


def test_global_generators_are_restored_in_silence(broken: PluginHost, tmp_path: Path) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    run(Case("broken-data", "load", "seed", "run"), broken, tmp_path)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index]  # noqa: NPY002
