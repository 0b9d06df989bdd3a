"""Scoring what an index returns: beside the exact score, in a table of its own, a row for each of its settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.errors import UsageError
from robusthash.evaluation import Request, RunSettings, evaluate, rescore
from robusthash.evaluation.rebuilding.given import Given
from robusthash.evaluation.rebuilding.settings import settings_of
from robusthash.host import PluginHost
from robusthash.results import CLEAN, Record, ResultStore, build_leaderboard, load_results
from robusthash.results.gate import GateSettings, judge, parse_rule, stored_material
from robusthash.specs import ScoreBy
from robusthash.testing.retrievers import ShortRetriever

pytestmark = pytest.mark.usefixtures("cache")

SETTING = RunSettings(
    queries=12,
    metrics=("map@100",),
    score_by=ScoreBy.RETRIEVER,
    retriever=ShortRetriever(most=40),
    options={"train": {"epochs": "3"}, "rnm": {"steps": "5"}},
)
SETTING_OF_SCORES = RunSettings(metrics=("map@100",), score_by=ScoreBy.RETRIEVER, retriever=ShortRetriever(most=40))
REQUEST = Request(models=("dpsh",), attacks=("rnm",), epsilons=(0.1,), setting=SETTING)


@pytest.fixture(scope="module")
def folder(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results by codes, and of two settings of an index."""
    folder = tmp_path_factory.mktemp("results")
    for setting in (
        replace(SETTING, score_by=ScoreBy.CODES, retriever="torch"),
        SETTING,
        replace(SETTING, retriever=ShortRetriever(most=80)),
        replace(SETTING, retriever="torch"),
    ):
        assert not evaluate(replace(REQUEST, setting=setting), host, results=folder).failures
    return folder


def stored(folder: Path, **options: Any) -> Record:
    """The record of rnm whose index has these options."""
    records, _ = ResultStore(folder).load_all()
    return next(
        one
        for one in records
        if one.attack.name == "rnm"
        and one.scoring.by is ScoreBy.RETRIEVER
        and options.items() <= one.scoring.retriever.options.items()
    )


def test_the_headline_is_of_the_lists_and_the_exact_score_is_beside_it(folder: Path) -> None:
    record = stored(folder, most=40)
    assert record.scoring.headline == "returned:map@100"
    assert record.scoring.protocols == {
        "returned:map@100": "returned:map@100/as-returned/v1",
        "map@100": "map@100/tie-expected/v1",
    }
    assert record.scoring.exact == "map@100"
    codes = next(
        one for one in ResultStore(folder).load_all()[0] if one.attack.name == "rnm" and one.scoring.by is ScoreBy.CODES
    )
    assert record.measure(metric="map@100") == codes.measure(metric="map@100")
    assert record.measure(CLEAN).value <= 0.4 < record.measure(CLEAN, metric="map@100").value
    assert record.outcome.search[CLEAN]["returned"] == record.outcome.search[CLEAN]["returned@100"] == 0.4
    assert record.outcome.search[CLEAN]["recall"] == pytest.approx(0.4)


def test_a_list_that_comes_short_is_told(folder: Path) -> None:
    short, whole = stored(folder, most=40), stored(folder, device="auto")
    assert [flag.id for flag in short.outcome.flags if flag.id == "RH019"]
    assert "40% (clean)" in next(flag.message for flag in short.outcome.flags if flag.id == "RH019")
    assert not [flag for flag in whole.outcome.flags if flag.id == "RH019"]
    assert "returned@100" not in whole.outcome.search[CLEAN]


def test_a_record_by_codes_has_nothing_new(folder: Path) -> None:
    """Digests of records that were stored before stay what they are."""
    for record in ResultStore(folder).load_all()[0]:
        assert ("score_by" in record.identity()) == (record.scoring.by is ScoreBy.RETRIEVER)
        assert ('"score_by"' in record.to_json()) == (record.scoring.by is ScoreBy.RETRIEVER)
        assert Record.from_json(record.to_json(), "here") == record


def test_each_setting_of_an_index_is_a_row_in_a_section_of_its_own(folder: Path) -> None:
    board = build_leaderboard(ResultStore(folder).load_all()[0])
    by_codes, by_lists = sorted(board.sections, key=lambda one: one.setting.protocol)
    assert {row.model for row in by_codes.rows} == {"dpsh 32 bit"}
    assert {row.model for row in by_lists.rows} == {
        "dpsh 32 bit in torch",
        *(f"dpsh 32 bit in ShortRetriever most={most}" for most in (40, 80)),
    }
    row = next(row for row in by_lists.rows if row.model.endswith("40") and row.label == "rnm")
    assert (row.returned, row.recall) == (0.4, pytest.approx(0.4))
    assert row.exact is not None
    assert by_lists.standings[0].model == "dpsh 32 bit in torch"
    assert by_lists.superseded == 0
    for text in ("exact", "recall", "returned"):
        assert text in str(board)


def test_scoring_again_is_evaluating_again(folder: Path, host: PluginHost) -> None:
    records = [one for one in ResultStore(folder).load_all()[0] if one.scoring.by is ScoreBy.CODES]
    again = {one.attack.name: one for one in rescore(records, SETTING_OF_SCORES, host, results=folder)}
    expected = stored(folder, most=40)
    assert again["rnm"].digest == expected.digest
    (Path(ResultStore(folder).path_of(expected))).unlink()
    made = {one.attack.name: one for one in rescore(records, SETTING_OF_SCORES, host, results=folder)}["rnm"]
    assert made.reproducible() == expected.reproducible()


@pytest.mark.parametrize("attack", ["square/ids", "strongest"])
def test_what_would_have_attacked_otherwise_is_not_scored_again(attack: str, host: PluginHost, tmp_path: Path) -> None:
    option = {"square/ids": {"queries": "3"}, "strongest": {"restarts": "1"}}[attack]
    options = {"train": {"epochs": "3"}, attack: option}
    setting = replace(SETTING, queries=2, score_by=ScoreBy.CODES, retriever="torch", options=options)
    records = evaluate(replace(REQUEST, attacks=(attack,), setting=setting), host, results=tmp_path).records
    with pytest.raises(UsageError, match=attack):
        rescore(records, SETTING_OF_SCORES, host, results=tmp_path)


def test_an_oracle_attack_asks_the_index(host: PluginHost, tmp_path: Path) -> None:
    """What the service returns is what the attack sees: with nothing but a few ids it ends otherwise."""
    found = []
    for most in (3, 1000):
        setting = replace(
            SETTING,
            queries=6,
            retriever=ShortRetriever(most=most),
            options={"train": {"epochs": "3"}, "square/ids": {"queries": "30", "k": "50"}},
        )
        run = evaluate(replace(REQUEST, attacks=("square/ids",), setting=setting), host, results=tmp_path)
        found.append(next(one for one in run.records if one.attack.name == "square/ids"))
    codes = [ResultStore(tmp_path).arrays(one).codes_at("adversarial") for one in found]
    assert found[0].outcome.cost.queries < found[1].outcome.cost.queries
    assert not np.array_equal(*codes)


@pytest.mark.parametrize(
    ("allow", "states"), [((), ["fail", "fail"]), (("RH019",), ["fail", "pass"])], ids=["flagged", "allowed"]
)
def test_a_gate_judges_the_lists(folder: Path, allow: tuple[str, ...], states: list[str]) -> None:
    """By the index, too; a list that comes short is a failed check, unless that is allowed."""
    records = [one for one in ResultStore(folder).load_all()[0] if one.scoring.by is ScoreBy.RETRIEVER]
    rules = tuple(
        parse_rule(f"returned:map@100[stage=clean,index={index}] >= {limit}")
        for index, limit in (("torch", 0.1), ("Short*", 0.42))
    )
    verdict = judge(stored_material(records, folder), GateSettings(rules=rules, allow=frozenset(allow)))
    found = sorted((str(check.cell), str(check.state)) for check in verdict.checks)
    assert [state for cell, state in found if "in torch" in cell] == ["pass"]
    assert [state for cell, state in found if "in ShortRetriever" in cell] == states


def test_a_metric_of_the_whole_database_is_refused_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = run(["eval", "--model", "dpsh", "--metric", "map", "--score-by", "retriever", "--results", str(tmp_path)])
    assert code == 2
    assert "map needs the whole database" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_default_metrics_are_of_the_first_places() -> None:
    assert RunSettings(score_by=ScoreBy.RETRIEVER).metrics == ("map@100", "precision@100")


def test_a_record_is_a_recipe(folder: Path, host: PluginHost) -> None:
    """What is made again is scored by the lists, and by the exact ranking beside them."""
    setting = settings_of(stored(folder, device="auto"), Given(), host)
    assert setting.score_by is ScoreBy.RETRIEVER
    assert [getattr(metric, "name", metric) for metric in setting.metrics] == ["map@100"]


def test_a_frame_tells_them_apart(folder: Path) -> None:
    frame = load_results(folder).to_frame()
    assert set(frame["score_by"]) == {"codes", "retriever"}
