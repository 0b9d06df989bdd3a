"""Ensembles: which queries each member attacks, which outcome is kept, and what cells of a run share."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.errors import ContractError
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.crafting import craft as crafting
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.host import PluginHost
from robusthash.metrics.ranking import worst_average_precision
from robusthash.results import Record, ResultStore, build_leaderboard
from robusthash.specs import Goal

pytestmark = pytest.mark.usefixtures("cache")

FEW: dict[str, dict[str, Any]] = {name: {"steps": "6"} for name in ("rnm", "hag", "tanh-p2s", "mainstay-target")}
ENSEMBLE = {"members": "rnm,hag", "restarts": "1", "steps": "6"}
TARGETED = {"members": "tanh-p2s,mainstay-target", "restarts": "1", "steps": "6"}


def asked(*attacks: str, **options: dict[str, str]) -> Request:
    few = {name: FEW[name] for name in attacks if name in FEW}
    setting = RunSettings(queries=12, shard_size=8, options={"train": {"epochs": "3"}, **few, **options})
    return Request(models=("dpsh",), attacks=attacks, epsilons=(0.1,), setting=setting)


def run(request: Request, host: PluginHost, folder: Path) -> dict[str, tuple[Record, dict[str, np.ndarray]]]:
    outcome = evaluate(request, host, results=folder)
    assert not outcome.failures, outcome.failures
    store = ResultStore(folder)
    return {one.attack.name: (one, store.arrays(one).to_arrays()) for one in outcome.records}


@pytest.fixture
def crafted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """The batches that are crafted: name of the attack's class, and positions of the queries."""
    batches: list[tuple[str, list[int]]] = []
    attack = crafting._as_one_batch

    def recorded(job: Job, rows: Sequence[int], **how: Any) -> Crafted:
        batches.append((type(job.attack).__name__, list(rows)))
        return attack(job, rows, **how)

    monkeypatch.setattr(crafting, "_as_one_batch", recorded)
    return batches


def test_members_that_were_evaluated_in_the_same_run_are_not_crafted_again(
    host: PluginHost, tmp_path: Path, crafted: list[tuple[str, list[int]]]
) -> None:
    request = asked("rnm", "hag", "strongest", strongest={**ENSEMBLE, "broken": "0"})
    together = run(request, host, tmp_path / "together")["strongest"][0]
    names = [name for name, _ in crafted]
    assert names == ["Noise"] * 2 + ["RNM"] * 2 + ["HAG"] * 2  # two shards each, and none for the ensemble
    alone = run(replace(request, attacks=("strongest",)), host, tmp_path / "alone")["strongest"][0]
    assert together.reproducible() == alone.reproducible()
    assert not (tmp_path / "together" / ".crafted").exists()


def test_what_is_shared_does_not_depend_on_which_queries_are_broken(host: PluginHost, tmp_path: Path) -> None:
    """Two ensembles and a member of both: each leaves other queries alone, and none meets another's batches."""
    limits = {"strongest": "0.3", "strongest/fast": "0.35"}
    options = {name: {**ENSEMBLE, "broken": limit} for name, limit in limits.items()}
    together = run(asked("strongest", "strongest/fast", "rnm", "hag", **options), host, tmp_path / "together")
    for name in limits:
        alone = run(asked(name, **{name: options[name]}), host, tmp_path / name)[name][0]
        assert together[name][0].reproducible() == alone.reproducible()
    costs = {name: record.outcome.cost.forward for name, (record, _) in together.items()}
    assert costs["strongest/fast"] < costs["strongest"] < costs["rnm"] + costs["hag"]  # some queries are spared


def test_members_attack_only_what_is_open(
    host: PluginHost, tmp_path: Path, crafted: list[tuple[str, list[int]]]
) -> None:
    request = asked("strongest", strongest={**ENSEMBLE, "broken": "0.3"})
    record, arrays = run(request, host, tmp_path / "sparing")["strongest"]
    first = run(asked("rnm"), host, tmp_path / "alone")["rnm"][1]["adversarial/map"]
    items = ResultStore(tmp_path / "sparing").database(record)["labels"]
    hits = (arrays["labels"].astype(int) @ items.T.astype(int) > 0).sum(1)
    spared = first <= worst_average_precision(hits, np.full_like(hits, len(items))) + 0.3
    assert 0 < spared.sum() < len(spared)
    second = [row for name, rows in crafted if name == "HAG" for row in rows]
    assert second == np.flatnonzero(~spared).tolist()
    np.testing.assert_array_equal(arrays["adversarial/map"][spared], first[spared])
    assert not arrays["member"][spared].any()
    everything = run(asked("strongest", strongest={**ENSEMBLE, "sparing": "false"}), host, tmp_path / "all")[
        "strongest"
    ]
    assert (arrays["adversarial/map"] - everything[1]["adversarial/map"] <= 0.3).all()
    assert record.outcome.cost.forward < everything[0].outcome.cost.forward


def test_queries_that_no_member_broke_are_tried_again(host: PluginHost, tmp_path: Path) -> None:
    once = run(asked("strongest", strongest=ENSEMBLE), host, tmp_path)["strongest"]
    thrice = {**ENSEMBLE, "restarts": "3", "broken": "0"}
    (first, before), (again, after) = once, run(asked("strongest", strongest=thrice), host, tmp_path)["strongest"]
    assert (after["adversarial/map"] <= before["adversarial/map"]).all()
    assert (after["adversarial/map"] < before["adversarial/map"]).any()
    assert again.outcome.cost.forward > first.outcome.cost.forward
    kept = after["adversarial/map"] == before["adversarial/map"]
    np.testing.assert_array_equal(after["pixels"][kept], before["pixels"][kept])


#: A step that moves nothing: what is delivered is where it started.
STAND = {"steps": "1", "step_size": "1e-6", "keep_best": "false", "stop": "false"}


def test_a_member_that_refines_starts_at_the_strongest_outcome_so_far(host: PluginHost, tmp_path: Path) -> None:
    """In every try, and without what it shares with the cell in which it is evaluated alone, from random points."""
    members = {**ENSEMBLE, "members": "rnm,hag,mainstay/refine", "broken": "0"}
    refine: dict[str, Any] = {"strongest": members, "mainstay/refine": STAND}
    without = run(asked("strongest", strongest=ENSEMBLE | {"broken": "0"}), host, tmp_path / "without")["strongest"][1]
    found = run(asked("strongest", "mainstay/refine", **refine), host, tmp_path / "together")
    score = "adversarial/map"
    np.testing.assert_array_equal(found["strongest"][1][score], without[score])
    np.testing.assert_array_equal(found["strongest"][1]["pixels"], without["pixels"])
    assert found["mainstay/refine"][1][score].mean() > without[score].mean() + 0.02, "alone it stands at random points"
    alone = run(asked("strongest", **refine), host, tmp_path / "alone")["strongest"][0]
    assert found["strongest"][0].reproducible() == alone.reproducible()
    again = {"strongest": {**members, "restarts": "2"}, "mainstay/refine": {**STAND, "steps": "6", "step_size": "none"}}
    record, arrays = run(asked("strongest", **again), host, tmp_path / "again")["strongest"]
    assert (arrays[score] <= without[score]).all()
    assert 2 in arrays["member"], "six steps from there on are stronger somewhere"
    assert record.attack.options["members"]["mainstay/refine"]["start"] == "best"


def test_without_an_outcome_there_is_nothing_to_refine(host: PluginHost, tmp_path: Path) -> None:
    """As the first member it starts at random points, as it does alone."""
    first = {**ENSEMBLE, "members": "mainstay/refine,rnm", "sparing": "false"}
    found = run(asked("strongest", strongest=first, **{"mainstay/refine": {"steps": "6"}}), host, tmp_path)
    alone = run(asked("mainstay/refine", **{"mainstay/refine": {"steps": "6"}}), host, tmp_path)["mainstay/refine"][1]
    arrays = found["strongest"][1]
    kept = arrays["member"] == 0
    assert kept.any()
    np.testing.assert_array_equal(arrays["pixels"][kept], alone["pixels"][kept])


def test_a_targeted_ensemble_keeps_the_highest_score_by_the_target_labels(host: PluginHost, tmp_path: Path) -> None:
    request = asked("tanh-p2s", "mainstay-target", "strongest-target", **{"strongest-target": TARGETED})
    found = run(request, host, tmp_path)
    record, arrays = found["strongest-target"]
    scores = np.stack([found[name][1]["adversarial/t-map"] for name in ("tanh-p2s", "mainstay-target")])
    np.testing.assert_array_equal(arrays["adversarial/t-map"], scores.max(axis=0))
    np.testing.assert_array_equal(arrays["member"], scores.argmax(axis=0))
    assert set(arrays["member"]) == {0, 1}
    assert record.attack.goal is Goal.TARGETED
    assert record.measure().value == pytest.approx(scores.max(axis=0).mean())


def test_a_targeted_query_is_broken_where_the_ranking_is_as_good_as_can_be(
    host: PluginHost, tmp_path: Path, crafted: list[tuple[str, list[int]]]
) -> None:
    """With a margin of 1 every query is broken, since the best possible t-AP is 1; with none, hardly any is."""
    run(asked("strongest-target", **{"strongest-target": {**TARGETED, "broken": "1"}}), host, tmp_path)
    assert {name for name, _ in crafted} == {"Noise", "Tanh"}
    run(asked("strongest-target", **{"strongest-target": {**TARGETED, "broken": "0.0"}}), host, tmp_path)
    assert "Mainstay" in {name for name, _ in crafted}


@pytest.mark.parametrize(
    ("ensemble", "member"),
    [
        ("strongest", "rnm-p2s"),
        ("strongest", "strongest"),
        ("strongest", "strongest/fast"),
        ("strongest", "mosaic"),
        ("strongest-target", "rnm"),
        ("strongest-target", "strongest-target"),
    ],
)
def test_an_ensemble_takes_no_member_that_cannot_be_judged_beside_the_others(
    ensemble: str, member: str, host: PluginHost, tmp_path: Path
) -> None:
    own = "rnm" if ensemble == "strongest" else "rnm-p2s"
    with pytest.raises(ContractError, match=f"'{member}' cannot be a member of '{ensemble}'"):
        evaluate(asked(ensemble, **{ensemble: {"members": f"{own},{member}"}}), host, results=tmp_path)


def test_what_the_run_gives_a_member_replaces_what_the_ensemble_does(host: PluginHost, tmp_path: Path) -> None:
    ensemble = {"members": "rnm,hinge", "restarts": "1", "steps": "3"}
    request = asked("strongest", strongest=ensemble, rnm={"steps": "6"})
    record, _ = run(request, host, tmp_path)["strongest"]
    assert {name: one["steps"] for name, one in record.attack.options["members"].items()} == {"rnm": 6, "hinge": 3}


def test_a_member_without_an_option_that_is_given_goes_without(host: PluginHost, tmp_path: Path) -> None:
    ensemble = {"members": "rnm,noise", "restarts": "1", "steps": "3"}
    record, _ = run(asked("strongest", strongest=ensemble), host, tmp_path)["strongest"]
    members = record.attack.options["members"]
    assert members["rnm"]["steps"] == 3
    assert "steps" not in members["noise"]


def test_models_are_ranked_by_the_targeted_ensemble_where_it_was_run(host: PluginHost, tmp_path: Path) -> None:
    run(asked("tanh-p2s", "strongest-target", **{"strongest-target": TARGETED}), host, tmp_path)
    run(replace(asked("tanh-p2s"), models=("hashnet",)), host, tmp_path)
    (section,) = build_leaderboard(ResultStore(tmp_path).load_all()[0]).sections
    placed = {one.model: (one.rank, one.lacks) for one in section.standings if one.goal is Goal.TARGETED}
    assert placed == {"dpsh 32 bit": (1, ()), "hashnet 32 bit": (None, ("strongest-target",))}
