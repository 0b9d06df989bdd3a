"""The leaderboard: what is compared with what, in which order, and what is not ranked."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from robusthash.results import Flag, PluginUse, Record, build, render, to_csv, to_json, to_markdown
from robusthash.results.board import Kind, Leaderboard, Row, Section
from robusthash.testing.records import make_measure, make_record


def _one(*records: Record) -> Section:
    (section,) = build(records).sections
    return section


def _labels(rows: tuple[Row, ...], kind: Kind) -> list[str]:
    return [row.label for row in rows if row.kind is kind]


def _text(board: Leaderboard, *, width: int = 120, ties: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(render(board, ties=ties))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def _grid() -> list[Record]:
    return [
        make_record(model=model, weights=model, attack=attack, after=after, target=target)
        for model, scores in {"dpsh": (0.8, 0.2, 0.1, 0.7), "hashnet": (0.9, 0.3, 0.4, 0.5)}.items()
        for attack, after, target in zip(
            ("noise", "rnm", "hag", "rnm-p2s"), scores, (None, None, None, scores[3]), strict=True
        )
    ]


def test_a_victim_reads_from_clean_to_floor() -> None:
    records = [
        make_record(attack="rnm", after=0.3),
        make_record(attack="hag", after=0.2),
        make_record(attack="noise", after=0.85),
        make_record(attack="p2p", after=0.5, target=0.6),
        make_record(attack="p2s", after=0.6, target=0.8),
    ]
    rows = _one(*records).rows
    assert [(row.label, row.rank) for row in rows] == [
        ("clean queries", None),
        ("noise", None),
        ("hag", 1),
        ("rnm", 2),
        ("p2s", 1),
        ("p2p", 2),
        ("anchor codes", None),
        ("random codes", None),
        ("worst possible", None),
    ]
    assert [row.score.value for row in rows if row.score] == [0.9, 0.85, 0.2, 0.3, 0.6, 0.5, 0.1, 0.05]
    assert [row.target.value for row in rows if row.target] == [0.12, 0.8, 0.6, 0.95, 0.11]
    hag = rows[2]
    assert (hag.clean, hag.psnr, hag.seconds, hag.record) == (0.9, 34.5, 2.5 / 200, records[1].digest)


def test_equally_strong_attacks_share_a_rank() -> None:
    rows = _one(*(make_record(attack=name, after=after) for name, after in (("c", 0.5), ("b", 0.2), ("a", 0.2)))).rows
    assert [(row.label, row.rank) for row in rows if row.kind is Kind.ATTACK] == [("a", 1), ("b", 1), ("c", 3)]


def test_noise_is_not_ranked_even_if_it_is_the_strongest() -> None:
    rows = _one(make_record(attack="noise", after=0.1), make_record(attack="rnm", after=0.3)).rows
    assert [(row.label, row.rank) for row in rows if row.goal] == [("noise", None), ("rnm", 1)]


def test_what_is_not_held_to_epsilon_is_shown_and_not_ranked() -> None:
    """Neither among a victim's attacks nor in the standings, even if it is the strongest and only one victim has it."""
    flags = (Flag(id="RH006", message="unbounded"),)
    mosaic = make_record(model="dpsh", weights="dpsh", attack="mosaic", after=0.01, flags=flags)
    section = _one(*_grid(), mosaic)
    assert [(row.kind, row.rank) for row in section.rows if row.label == "mosaic"] == [(Kind.UNBOUNDED, None)]
    assert section.standings == _one(*_grid()).standings
    assert "RH006" in _text(build([mosaic]))


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilon": 16 / 255},
        {"seed": 1},
        {"relevance": "exact"},
        {"protocols": {"map": "map@1000"}},
        {"dataset": replace(make_record().dataset, digest="other")},
        {"dataset": replace(make_record().dataset, query_digest="other")},
        {"dataset": replace(make_record().dataset, name="cifar10")},
    ],
    ids=["epsilon", "seed", "relevance", "protocol", "splits", "queries", "dataset"],
)
def test_what_is_not_comparable_is_never_in_one_section(changes: dict[str, Any]) -> None:
    board = build([make_record(model="dpsh"), make_record(model="hashnet", **changes)])
    assert len(board.sections) == 2
    assert all(not section.standings for section in board.sections)
    assert all(len({row.model for row in section.rows}) == 1 for section in board.sections)


def test_bits_weights_and_defenses_are_victims_of_one_section() -> None:
    section = _one(
        make_record(bits=16, weights="a"),
        make_record(bits=32, weights="b"),
        make_record(bits=32, weights="c"),
        make_record(bits=32, weights="b", defense="saat"),
    )
    names = sorted({row.model for row in section.rows})
    assert len(names) == 4
    assert names[0] == "dpsh 16 bit"
    assert names[1] == "dpsh 32 bit + saat"
    assert all(name.startswith("dpsh 32 bit @") for name in names[2:])


def test_namesakes_are_told_apart_by_the_options_that_differ() -> None:
    records = [make_record(attack="rnm", options={"steps": steps, "p": 2.0}, after=1 / steps) for steps in (10, 100)]
    rows = _one(*records, make_record(attack="hag", options={"steps": 7}, after=0.5)).rows
    assert _labels(rows, Kind.ATTACK) == ["rnm steps=100", "rnm steps=10", "hag"]


def test_two_distributions_of_one_name_are_told_apart() -> None:
    record = make_record()
    records = [replace(record, attack=PluginUse(name="rnm", owner=owner)) for owner in ("mine 1.0", "yours 1.0")]
    assert sorted(_labels(_one(*records).rows, Kind.ATTACK)) == ["rnm by=mine", "rnm by=yours"]


def test_a_newer_record_of_a_cell_replaces_the_older() -> None:
    old = make_record(after=0.3, created="2026-01-01T00:00:00+00:00")
    new = make_record(
        after=0.25,
        created="2026-02-01T00:00:00+00:00",
        attack="rnm",
        versions={"robusthash": "0.2.0"},
    )
    for records in ([old, new], [new, old]):
        section = _one(*records)
        (row,) = [row for row in section.rows if row.kind is Kind.ATTACK]
        assert row.record == new.digest
        assert section.superseded == 1
        assert "1 older record" in _text(build(records))


def test_models_are_ranked_by_their_worst_case() -> None:
    untargeted = [one for one in _one(*_grid()).standings if one.goal == "untargeted"]
    targeted = [one for one in _one(*_grid()).standings if one.goal == "targeted"]
    assert [(one.rank, one.model, one.attack) for one in untargeted] == [
        (1, "hashnet 32 bit", "rnm"),
        (2, "dpsh 32 bit", "hag"),
    ]
    assert [one.worst.value for one in untargeted if one.worst] == [0.3, 0.1]
    assert [(one.rank, one.model) for one in targeted] == [(1, "hashnet 32 bit"), (2, "dpsh 32 bit")]
    assert [one.worst.value for one in targeted if one.worst] == [0.5, 0.7]


def test_a_victim_that_lacks_an_attack_is_not_ranked() -> None:
    # hashnet was spared hag: over what it has it would look best
    records = [one for one in _grid() if (one.model.name, one.attack.name) != ("hashnet", "hag")]
    standings = [one for one in _one(*records).standings if one.goal == "untargeted"]
    assert [(one.model, one.rank, one.worst is None, one.lacks) for one in standings] == [
        ("dpsh 32 bit", 1, False, ()),
        ("hashnet 32 bit", None, True, ("hag",)),
    ]
    assert "incomplete (lacks hag)" in _text(build(records))
    targeted = [one for one in _one(*records).standings if one.goal == "targeted"]
    assert [one.rank for one in targeted] == [1, 2], "what it lacks is no targeted attack"


def test_an_attack_with_other_options_is_another_attack() -> None:
    records = [make_record(model=name, weights=name, options={"steps": n}) for name, n in (("a", 1), ("b", 2))]
    assert [(one.rank, one.lacks) for one in _one(*records).standings] == [
        (None, ("rnm steps=2",)),
        (None, ("rnm steps=1",)),
    ]


def test_one_victim_is_not_ranked() -> None:
    assert _one(make_record()).standings == ()


@settings(deadline=None)
@given(st.permutations(_grid()))
def test_the_order_of_the_records_does_not_matter(records: list[Record]) -> None:
    assert build(records) == build(_grid())


def test_nothing_makes_an_empty_board() -> None:
    assert build([]).sections == ()
    assert _text(build([])).strip() == ""


def test_another_metric_is_shown_without_the_floors_of_map() -> None:
    measures = {"precision@r2": make_measure(0.5)}
    record = make_record(
        protocols={"precision@r2": "precision@r2/closed"}, metrics={"clean": measures, "adversarial": measures}
    )
    section = _one(record)
    assert section.setting.metric == "precision@r2"
    assert [row.kind for row in section.rows] == [Kind.CLEAN, Kind.ATTACK]
    assert "precision@r2 [95 %]" in _text(build([record]))


def test_the_table_fits_a_hundred_columns_and_shows_what_counts() -> None:
    flag = Flag(id="RH003", message="weaker than noise (0.200 against 0.100): masked gradients?")
    records = [*_grid(), make_record(model="dpsh", weights="dpsh", attack="pgd", after=0.2, flags=(flag,))]
    for width in (100, 120):
        text = _text(build(records), width=width)
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width
        for part in (
            "Linf 8/255",
            "map/tie-expected",
            "0.100 [0.090, 0.110]",
            "34.5",
            "12.5 ms",
            "RH003 dpsh 32 bit, pgd",
        ):
            assert part in text, part
    assert "0.100 [0.095, 0.105]" in _text(build(records), ties=True)


def test_names_with_brackets_are_shown_as_they_are() -> None:
    assert "[bold]x" in _text(build([make_record(model="[bold]x")]))


def test_markdown_has_every_row_and_is_well_formed() -> None:
    text = to_markdown(build([*_grid(), make_record(model="a|b", weights="x", attack="rnm")]))
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "a\\|b 32 bit" in text


def test_csv_keeps_full_precision() -> None:
    record = make_record(
        after=1 / 3, target=2 / 3, flags=(Flag(id="RH001", message="a, b"), Flag(id="RH005", message="c"))
    )
    lines = list(csv.DictReader(io.StringIO(to_csv(build([record])))))
    (line,) = [line for line in lines if line["kind"] == "attack"]
    assert float(line["value"]) == 1 / 3
    assert float(line["target_value"]) == 2 / 3
    assert (line["worst"], line["best"]) == (repr(1 / 3 - 0.005), repr(1 / 3 + 0.005))
    assert (line["flags"], line["threat"], line["record"]) == ("RH001 RH005", "Linf 8/255", record.digest)
    assert {line["kind"] for line in lines} == {"clean", "attack", "floor"}


def test_json_is_the_whole_board() -> None:
    board = build(_grid())
    content = json.loads(to_json(board))
    assert [len(section["rows"]) for section in content["sections"]] == [
        len(section.rows) for section in board.sections
    ]
    assert content["sections"][0]["standings"][0]["worst"]["value"] == 0.3
    assert content["sections"][0]["setting"]["protocol"] == "map/tie-expected"
