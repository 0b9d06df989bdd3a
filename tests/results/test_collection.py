"""Results in a notebook: a sequence, a leaderboard, a data frame."""

import sys
from pathlib import Path

import pytest

from robusthash.errors import InputError, MissingDependencyError
from robusthash.results import Flag, QueryArrays, Results, ResultStore, Spent, build_leaderboard, load_results
from robusthash.testing.records import make_dataset, make_model, make_record

HASHNET = make_model("hashnet", weights="h")
RECORDS = [
    make_record(attack="noise", after=0.85),
    make_record(attack="rnm", options={"steps": 10}, after=0.3, flags=(Flag(id="RH005", message="clipped"),)),
    make_record(attack="rnm", options={"steps": 20}, after=0.5),
    make_record(attack="p2s", after=0.6, target=0.8, surrogate=HASHNET, epsilon=0.1, learning=Spent(forward=9)),
    make_record(model=HASHNET, defense="saat", attack="square", queries=200 * 5, dataset=make_dataset(name="coco")),
]


def test_results_are_a_sequence_that_does_not_change() -> None:
    results = Results(RECORDS)
    assert len(results) == 5
    assert list(results) == RECORDS
    assert results[1] is RECORDS[1]
    assert results[-1] in results
    assert isinstance(results[1:3], Results)
    assert list(results[1:3]) == RECORDS[1:3]
    assert repr(results) == "<Results: 5 records>"
    assert not hasattr(results, "append")


def test_a_folder_is_loaded_with_what_could_not_be_read(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    for record in RECORDS:
        store.save(record, QueryArrays())
    (tmp_path / "notes.json").write_text("{}")
    for path in (tmp_path, str(tmp_path)):
        results = load_results(path)
        assert sorted(one.digest for one in results) == sorted(one.digest for one in RECORDS)
        assert [one.path.name for one in results.unreadable] == ["notes.json"]
        assert repr(results) == "<Results: 5 records, 1 unreadable>"
    with pytest.raises(InputError, match="typo is not a folder"):
        load_results(tmp_path / "typo")


def test_selection_is_by_names_with_wildcards() -> None:
    results = Results(RECORDS)

    def attacks(found: Results) -> list[str]:
        return [record.attack.name for record in found]

    assert attacks(results.select(attacks="rn*")) == ["rnm", "rnm"]
    assert attacks(results.select(attacks=["p2?", "square"], models="hash*")) == ["square"]
    assert attacks(results.select(attacks="rnm", references=True)) == ["noise", "rnm", "rnm"]
    assert attacks(results.select(datasets="coco", references=True)) == ["square"]
    assert list(results.select()) == RECORDS


def test_the_leaderboard_is_that_of_the_records() -> None:
    assert Results(RECORDS).leaderboard() == build_leaderboard(RECORDS)


def test_a_frame_has_a_row_a_record_and_names_that_are_unique_in_it() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = Results(RECORDS).to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["digest"]) == [record.digest for record in RECORDS]
    assert list(frame["attack"]) == [
        "noise",
        "rnm steps=10",
        "rnm steps=20",
        "p2s from hashnet 32 bit",
        "square",
    ]
    assert list(frame["victim"]) == ["dpsh 32 bit"] * 4 + ["hashnet 32 bit + saat"]
    assert list(frame["attacked"]) == [0.85, 0.3, 0.5, 0.6, 0.3]
    assert list(frame["flags"]) == ["", "RH005", "RH012", "", ""], "those beside the other records too"
    assert list(frame["access"]) == ["white-box"] * 3 + ["transfer", "queries"]
    assert list(frame["role"]) == ["reference"] + ["attack"] * 4
    targeted = frame.iloc[3]
    assert (targeted["target"], targeted["target_low"], targeted["epsilon"]) == (0.8, 0.8 - 0.01, 0.1)
    assert (targeted["learning_forward"], frame.iloc[4]["service_queries"]) == (9, 1000)
    assert frame["target"].isna().tolist() == [True, True, True, False, True]
    assert frame["effort"].dropna().tolist() == [10, 20]


def test_no_records_are_an_empty_frame() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = Results([]).to_frame()
    assert len(frame) == 0
    assert "attacked" in frame.columns


def test_without_pandas_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="pip install pandas"):
        Results(RECORDS).to_frame()
