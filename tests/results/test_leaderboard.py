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

from robusthash.results import (
    Access,
    Flag,
    ModelUse,
    PluginUse,
    Record,
    build_leaderboard,
    render,
    to_csv,
    to_json,
    to_markdown,
)
from robusthash.results.leaderboard.board import Leaderboard, Row, RowKind, Section
from robusthash.results.leaderboard.sheets import sheets
from robusthash.specs import Direction, Distance, Role
from robusthash.testing.records import make_dataset, make_model, make_record

DPSH, HASHNET = make_model("dpsh", weights="dpsh"), make_model("hashnet", weights="hashnet")


def _one(*records: Record) -> Section:
    (section,) = build_leaderboard(records).sections
    return section


def _labels(rows: tuple[Row, ...], kind: RowKind) -> list[str]:
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


def _crafted(*records: tuple[str, ModelUse | None, float]) -> list[Record]:
    """Records of ``hinge``: the victim, what it was crafted on, MAP after it."""
    return [
        make_record(model=name, weights=name, attack="hinge", surrogate=source, after=after)
        for name, source, after in records
    ]


def _first_cells(board: Leaderboard, attack: str) -> list[str]:
    """The ``#`` column of an attack's rows in Markdown."""
    lines = [line.split(" | ") for line in to_markdown(board).splitlines() if line.startswith("| ")]
    return [line[0].removeprefix("|").strip() for line in lines if len(line) > 2 and line[2] == attack]


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
    assert [(row.label, row.rank) for row in rows if row.kind is RowKind.ATTACK] == [("a", 1), ("b", 1), ("c", 3)]


def test_noise_is_not_ranked_even_if_it_is_the_strongest() -> None:
    rows = _one(make_record(attack="noise", after=0.1), make_record(attack="rnm", after=0.3)).rows
    assert [(row.label, row.rank) for row in rows if row.goal] == [("noise", None), ("rnm", 1)]


def test_what_is_not_held_to_epsilon_is_shown_and_not_ranked() -> None:
    """Neither among a victim's attacks nor in the standings, even if it is the strongest and only one victim has it."""
    flags = (Flag(id="RH006", message="unbounded"),)
    mosaic = make_record(model="dpsh", weights="dpsh", attack="mosaic", after=0.01, flags=flags)
    section = _one(*_grid(), mosaic)
    assert [(row.kind, row.rank) for row in section.rows if row.label == "mosaic"] == [(RowKind.UNBOUNDED, None)]
    assert section.standings == _one(*_grid()).standings
    assert "RH006" in _text(build_leaderboard([mosaic]))


def test_attacks_are_ranked_with_those_of_the_same_access_and_goal() -> None:
    section = _one(
        make_record(weights="dpsh", attack="hinge", after=0.2),
        make_record(weights="dpsh", attack="rnm", after=0.3),
        make_record(weights="dpsh", attack="p2s", after=0.4, target=0.8),
        make_record(weights="dpsh", attack="hinge", after=0.195, surrogate=HASHNET),
        make_record(weights="dpsh", attack="rnm", after=0.7, surrogate=HASHNET),
        make_record(weights="dpsh", attack="p2s", after=0.5, target=0.3, surrogate=HASHNET),
        make_record(weights="dpsh", attack="square", after=0.1, queries=200 * 512 + 100),
        make_record(weights="dpsh", attack="boost", after=0.6, surrogate=HASHNET, queries=200),
    )
    rows = [row for row in section.rows if row.kind is RowKind.ATTACK]
    assert [(row.label, row.access, row.goal, row.rank, row.surrogate, row.queries) for row in rows] == [
        ("hinge", "white-box", "untargeted", 1, None, None),
        ("rnm", "white-box", "untargeted", 2, None, None),
        ("p2s", "white-box", "targeted", 1, None, None),
        ("hinge from hashnet 32 bit", "transfer", "untargeted", 1, "hashnet 32 bit", None),
        ("rnm from hashnet 32 bit", "transfer", "untargeted", 2, "hashnet 32 bit", None),
        ("p2s from hashnet 32 bit", "transfer", "targeted", 1, "hashnet 32 bit", None),
        ("square", "queries", "untargeted", 1, None, 512.5),
        ("boost from hashnet 32 bit", "queries", "untargeted", 2, "hashnet 32 bit", 1.0),
    ]
    assert all(row.access is None for row in section.rows if row.kind in (RowKind.CLEAN, RowKind.FLOOR))


def test_letters_before_a_rank_say_goal_and_access() -> None:
    records = [
        make_record(attack="a", after=0.2),
        make_record(attack="b", target=0.2),
        make_record(attack="c", surrogate=HASHNET),
        make_record(attack="d", target=0.2, surrogate=HASHNET),
        make_record(attack="e", queries=200 * 50),
    ]
    board = build_leaderboard(records)
    labels = ["a", "b", "c from hashnet 32 bit", "d from hashnet 32 bit", "e"]
    assert [_first_cells(board, label) for label in labels] == [["1"], ["t1"], ["x1"], ["xt1"], ["q1"]]
    notes = [
        "t: targeted, ranked by relevance to the target label (higher is stronger)",
        "x: crafted on another model (transfer), ranked apart from white-box attacks",
        "q: queries the victim's service, ranked apart from white-box attacks",
    ]
    assert [note for note in notes if note not in _text(board)] == []
    assert [note for note in notes if note in _text(build_leaderboard(records[:1]))] == []


def test_queries_have_a_column_where_any_row_has_them() -> None:
    asked = build_leaderboard([make_record(), make_record(attack="square", queries=200 * 512)])
    (head,) = [line for line in to_markdown(asked).splitlines() if "calls/query" in line]
    cells = next(line for line in to_markdown(asked).splitlines() if "| square |" in line).split(" | ")
    assert cells[head.split(" | ").index("calls/query")] == "512.0"
    assert "calls/query" not in to_markdown(build_leaderboard([make_record()]))


def test_surrogates_of_one_name_are_told_apart_by_their_weights() -> None:
    sources = [make_model("hashnet", weights=weights) for weights in ("u", "v")]
    rows = _one(*(make_record(surrogate=source, after=0.2 + i / 10) for i, source in enumerate(sources))).rows
    assert _labels(rows, RowKind.ATTACK) == [f"rnm from hashnet 32 bit @{source.digest[:6]}" for source in sources]


def test_a_surrogate_that_is_called_as_the_victim_is_told_from_it() -> None:
    other = make_model("dpsh", weights="other")
    row = next(row for row in _one(make_record(surrogate=other)).rows if row.kind is RowKind.ATTACK)
    victim = make_model()
    assert (row.model, row.label) == (f"dpsh 32 bit @{victim.digest[:6]}", f"rnm from dpsh 32 bit @{other.digest[:6]}")


def test_options_inside_a_mapping_are_named_by_their_path_and_its_versions_left_out() -> None:
    def strongest(steps: int, version: str) -> Record:
        members = {name: {"owner": f"sample {version}", "steps": steps} for name in ("hinge", "rnm")}
        return make_record(attack="strongest", options={"members": members}, after=1 / steps)

    assert _labels(_one(strongest(10, "1.0"), strongest(10, "1.1")).rows, RowKind.ATTACK) == ["strongest"]
    fewer = make_record(attack="strongest", options={"members": {"hinge": {"owner": "sample 1.0", "steps": 10}}})
    assert sorted(_labels(_one(strongest(10, "1.0"), strongest(20, "1.0"), fewer).rows, RowKind.ATTACK)) == [
        "strongest members=hinge members.hinge.steps=10",
        "strongest members=hinge,rnm members.hinge.steps=10 members.rnm.steps=10",
        "strongest members=hinge,rnm members.hinge.steps=20 members.rnm.steps=20",
    ]


def _strongest(model: str, *, after: float = 0.2) -> Record:
    """A record of the ensemble as a run makes it: its members in the order in which they were asked for."""
    members = {
        name: {"owner": "sample 1.0", "steps": steps, "place": place, "sizes": (1, 2.0)}
        for place, (name, steps) in enumerate((("hinge", 100), ("hag", 50)))
    }
    options = {"restarts": 2, "members": members, "broken": 0.5}
    return make_record(model=model, weights=model, attack="strongest", options=options, after=after)


def test_stored_and_new_records_of_an_ensemble_are_the_same_attack() -> None:
    """On disk options are sorted, and tuples are lists: that makes no other attack, and no model incomplete."""
    new, other = _strongest("dpsh", after=0.2), _strongest("hashnet", after=0.3)
    stored = Record.from_json(other.to_json(), "stored")
    assert list(stored.attack.options["members"]) != list(new.attack.options["members"])
    section = _one(new, stored)
    assert [(one.model, one.rank, one.lacks) for one in section.standings] == [
        ("hashnet 32 bit", 1, ()),
        ("dpsh 32 bit", 2, ()),
    ]
    assert _labels(section.rows, RowKind.ATTACK) == ["strongest", "strongest"]
    again = Record.from_json(new.to_json(), "stored")
    assert _one(new, replace(again, created="2027-01-01T00:00:00+00:00")).superseded == 1


def test_what_an_attack_is_among_the_others_is_its_role_and_not_its_name() -> None:
    records = [
        make_record(attack="salt", role=Role.REFERENCE, after=0.1),
        make_record(attack="apgd", role=Role.YARDSTICK, after=0.3),
        make_record(attack="noise", role=Role.ATTACK, after=0.4),
        make_record(model="hashnet", weights="h", attack="apgd", role=Role.YARDSTICK, after=0.5),
    ]
    section = _one(*records)
    assert _labels(section.rows, RowKind.REFERENCE) == ["salt"]
    assert [(one.model, one.rank, one.attack) for one in section.standings] == [
        ("hashnet 32 bit", 1, "apgd"),
        ("dpsh 32 bit", 2, "apgd"),
    ]


def test_records_are_judged_by_the_headline_that_they_store() -> None:
    protocols = {"recall@10": "recall@10/v1", "map": "map/tie-expected"}
    stored, other = make_record(protocols=protocols), make_record(protocols=protocols, headline="map")
    sections = build_leaderboard([stored, other]).sections
    assert [section.setting.metric for section in sections] == ["map", "recall@10"]
    assert [{row.kind for row in section.rows} for section in sections] == [
        {RowKind.CLEAN, RowKind.ATTACK, RowKind.FLOOR},
        {RowKind.CLEAN, RowKind.ATTACK},
    ]


def test_titles_tell_direction_and_distance_where_they_are_not_the_usual_ones() -> None:
    descriptors = make_model("gem", bits=512, distance=Distance.COSINE)
    records = [make_record(), make_record(direction=Direction.T2I), make_record(model=descriptors)]
    usual, cosine, texts = sorted(sheet.title for sheet in sheets(build_leaderboard(records)))[::1]
    assert {usual, cosine, texts} == {
        "digits: 200 queries, 1297 items · Linf 8/255 · map/tie-expected · share-any · seed 0",
        "digits: 200 queries, 1297 items · cosine · Linf 8/255 · map/tie-expected · share-any · seed 0",
        "digits: 200 queries, 1297 items · t2i · Linf 8/255 · map/tie-expected · share-any · seed 0",
    }
    (row, *_) = _one(make_record(model=descriptors)).rows
    assert row.model == "gem 512 d"


def test_a_transfer_matrix_has_the_white_box_attack_on_its_diagonal() -> None:
    section = _one(
        *_crafted(
            ("dpsh", None, 0.2),
            ("hashnet", None, 0.1),
            ("dpsh", HASHNET, 0.6),
            ("hashnet", DPSH, 0.5),
            ("csq", DPSH, 0.7),
        ),
        make_record(model="csq", weights="csq", attack="hinge", after=0.3),
        make_record(model="dpsh", weights="dpsh", attack="rnm", after=0.4),
        make_record(model="dpsh", weights="dpsh", attack="boost", surrogate=HASHNET, queries=200, after=0.01),
    )
    (matrix,) = section.transfers
    assert (matrix.attack, matrix.goal) == ("hinge", "untargeted")
    assert matrix.surrogates == ("dpsh 32 bit", "hashnet 32 bit")
    assert matrix.victims == ("csq 32 bit", "dpsh 32 bit", "hashnet 32 bit")
    assert matrix.clean == (0.9, 0.9, 0.9)
    assert matrix.after == ((0.7, 0.2, 0.5), (None, 0.6, 0.1))
    text = to_markdown(build_leaderboard(_crafted(("dpsh", None, 0.2), ("hashnet", DPSH, 0.5), ("csq", HASHNET, 0.7))))
    table = """### hinge: MAP by surrogate (rows) and victim (columns)

| surrogate | csq 32 bit | dpsh 32 bit | hashnet 32 bit |
| --- | --- | --- | --- |
| clean queries | 0.900 | 0.900 | 0.900 |
| dpsh 32 bit | - | 0.200 | 0.500 |
| hashnet 32 bit | 0.700 | - | - |
"""
    assert table in text


def test_the_diagonal_is_the_same_weights_and_bits_without_a_defense() -> None:
    records = [
        *_crafted(("hashnet", DPSH, 0.5)),
        make_record(model="dpsh", weights="dpsh", attack="hinge", defense="saat", after=0.8),
        make_record(model="dpsh", weights="dpsh", bits=16, attack="hinge", after=0.1),
        make_record(model="dpsh", weights="another", attack="hinge", after=0.1),
    ]
    (matrix,) = _one(*records).transfers
    assert matrix.victims == ("hashnet 32 bit",)
    assert matrix.after == ((0.5,),)
    defended = make_record(
        model="dpsh", weights="dpsh", attack="hinge", defense="saat", surrogate=DPSH, after=0.6, target=None
    )
    (matrix,) = _one(*records, defended).transfers
    assert (matrix.victims, matrix.after) == (("dpsh 32 bit + saat", "hashnet 32 bit"), ((0.6, 0.5),))


def test_targeted_matrices_are_of_the_target_metric_and_each_goal_and_options_have_their_own() -> None:
    def crafted(steps: int, target: float | None) -> Record:
        return make_record(attack="pgd", options={"steps": steps}, target=target, surrogate=HASHNET, after=steps / 100)

    section = _one(crafted(20, None), crafted(10, None), crafted(10, 0.7))
    assert [(one.attack, one.goal, one.clean, one.after) for one in section.transfers] == [
        ("pgd steps=10", "untargeted", (0.9,), ((0.1,),)),
        ("pgd steps=20", "untargeted", (0.9,), ((0.2,),)),
        ("pgd steps=10", "targeted", (0.12,), ((0.7,),)),
    ]
    assert "pgd: t-MAP by surrogate (rows) and victim (columns)" in _text(build_leaderboard([crafted(10, 0.7)]))
    assert _one(make_record()).transfers == ()
    unbounded = make_record(surrogate=HASHNET, flags=(Flag(id="RH006", message="unbounded"),))
    assert _one(unbounded).transfers == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilon": 16 / 255},
        {"seed": 1},
        {"relevance": "exact"},
        {"protocols": {"map": "map@1000"}},
        {"dataset": make_dataset(digest="other")},
        {"dataset": make_dataset(query_digest="other")},
        {"dataset": make_dataset(name="cifar10")},
        {"direction": Direction.I2T},
        {"model": make_model(distance=Distance.L2)},
    ],
    ids=["epsilon", "seed", "relevance", "protocol", "splits", "queries", "dataset", "direction", "distance"],
)
def test_what_is_not_comparable_is_never_in_one_section(changes: dict[str, Any]) -> None:
    board = build_leaderboard([make_record(model="dpsh"), make_record(**{"model": "hashnet", **changes})])
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
    assert _labels(rows, RowKind.ATTACK) == ["rnm steps=100", "rnm steps=10", "hag"]


def test_two_distributions_of_one_name_are_told_apart() -> None:
    records = [make_record(attack=PluginUse(name="rnm", owner=owner)) for owner in ("mine 1.0", "yours 1.0")]
    assert sorted(_labels(_one(*records).rows, RowKind.ATTACK)) == ["rnm by=mine", "rnm by=yours"]


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
        (row,) = [row for row in section.rows if row.kind is RowKind.ATTACK]
        assert row.record == new.digest
        assert section.superseded == 1
        assert "1 older record" in _text(build_leaderboard(records))


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
    records = [one for one in _grid() if (one.victim.model.name, one.attack.name) != ("hashnet", "hag")]
    standings = [one for one in _one(*records).standings if one.goal == "untargeted"]
    assert [(one.model, one.rank, one.worst is None, one.lacks) for one in standings] == [
        ("dpsh 32 bit", 1, False, ()),
        ("hashnet 32 bit", None, True, ("hag",)),
    ]
    assert "incomplete (lacks hag)" in _text(build_leaderboard(records))
    targeted = [one for one in _one(*records).standings if one.goal == "targeted"]
    assert [one.rank for one in targeted] == [1, 2], "what it lacks is no targeted attack"


def _standings(records: list[Record]) -> list[tuple[str, int | None, str | None, float | None, tuple[str, ...]]]:
    return [
        (one.model, one.rank, one.attack, one.worst.value if one.worst else None, one.lacks)
        for one in _one(*records).standings
    ]


def test_models_are_ranked_by_the_ensemble_where_it_was_run() -> None:
    """What only one of the complete victims has does not count; what all of them have does, if it is stronger."""
    scores = {
        "dpsh": {"strongest": 0.3, "mine": 0.25, "extra": 0.01},
        "hashnet": {"strongest": 0.2, "mine": 0.4},
        "csq": {"mine": 0.5, "extra": 0.6},
    }
    records = [
        make_record(model=model, weights=model, attack=attack, after=after)
        for model, attacks in scores.items()
        for attack, after in attacks.items()
    ]
    assert _standings(records) == [
        ("dpsh 32 bit", 1, "mine", 0.25, ()),
        ("hashnet 32 bit", 2, "strongest", 0.2, ()),
        ("csq 32 bit", None, None, None, ("strongest",)),
    ]
    assert "incomplete (lacks strongest)" in _text(build_leaderboard(records))
    without = [record for record in records if record.attack.name != "strongest"]
    assert _standings(without) == [
        ("csq 32 bit", 1, "mine", 0.5, ()),
        ("dpsh 32 bit", 2, "extra", 0.01, ()),
        ("hashnet 32 bit", None, None, None, ("extra",)),
    ]


def test_an_ensemble_that_is_not_white_box_ranks_nobody() -> None:
    records = [make_record(model=name, weights=name, after=after) for name, after in (("dpsh", 0.3), ("hashnet", 0.2))]
    foreign = make_record(model="dpsh", weights="dpsh", attack="strongest", surrogate=HASHNET, after=0.1)
    assert _standings([*records, foreign]) == _standings(records)


def test_transfer_and_query_attacks_rank_no_model() -> None:
    records = _grid()
    more = [
        *_crafted(("dpsh", HASHNET, 0.01)),
        make_record(model="hashnet", weights="hashnet", attack="square", queries=9, after=0.01),
    ]
    assert _one(*records, *more).standings == _one(*records).standings


def test_two_variants_of_the_ensemble_are_both_needed() -> None:
    records = [
        make_record(model=name, weights=name, attack="strongest", options={"members": members})
        for name, members in (("dpsh", "a"), ("hashnet", "b"))
    ]
    assert [(rank, lacks) for _, rank, _, _, lacks in _standings(records)] == [
        (None, ("strongest members=b",)),
        (None, ("strongest members=a",)),
    ]


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
    assert build_leaderboard(records) == build_leaderboard(_grid())


def test_nothing_makes_an_empty_board() -> None:
    assert build_leaderboard([]).sections == ()
    assert _text(build_leaderboard([])).strip() == ""


def test_another_metric_is_shown_without_the_floors_of_map() -> None:
    record = make_record(protocols={"precision@r2": "precision@r2/closed"})
    section = _one(record)
    assert section.setting.metric == "precision@r2"
    assert [row.kind for row in section.rows] == [RowKind.CLEAN, RowKind.ATTACK]
    assert "precision@r2 [95 %]" in _text(build_leaderboard([record]))


def test_the_table_fits_a_hundred_columns_and_shows_what_counts() -> None:
    flag = Flag(id="RH003", message="weaker than noise (0.200 against 0.100): masked gradients?")
    records = [*_grid(), make_record(model="dpsh", weights="dpsh", attack="pgd", after=0.2, flags=(flag,))]
    for width in (100, 120):
        text = _text(build_leaderboard(records), width=width)
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
    assert "0.100 [0.095, 0.105]" in _text(build_leaderboard(records), ties=True)


def test_a_narrow_terminal_loses_columns_and_no_words() -> None:
    records = [
        *_grid(),
        make_record(model="dpsh", weights="dpsh", attack="square", queries=200 * 512, after=0.5),
        *_crafted(("dpsh", HASHNET, 0.6)),
    ]
    wide, narrow = (_text(build_leaderboard(records), width=width) for width in (130, 95))
    assert "12.5 ms" in wide
    assert "hinge from hashnet 32 bit" in wide
    assert "12.5 ms" not in narrow
    assert "not shown in 95 columns: time/query" in narrow
    for part in ("34.5", "512.0", "hashnet", "possible", "0.600 [0.590, 0.610]"):
        assert part in narrow.split() or part in narrow, part


def test_names_with_brackets_are_shown_as_they_are() -> None:
    assert "[bold]x" in _text(build_leaderboard([make_record(model="[bold]x")]))


def test_markdown_has_every_row_and_is_well_formed() -> None:
    text = to_markdown(build_leaderboard([*_grid(), make_record(model="a|b", weights="x", attack="rnm")]))
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "a\\|b 32 bit" in text


def test_csv_keeps_full_precision() -> None:
    record = make_record(
        after=1 / 3, target=2 / 3, flags=(Flag(id="RH001", message="a, b"), Flag(id="RH005", message="c"))
    )
    lines = list(csv.DictReader(io.StringIO(to_csv(build_leaderboard([record])))))
    (line,) = [line for line in lines if line["kind"] == "attack"]
    assert float(line["value"]) == 1 / 3
    assert float(line["target_value"]) == 2 / 3
    assert (line["worst"], line["best"]) == (repr(1 / 3 - 0.005), repr(1 / 3 + 0.005))
    assert (line["flags"], line["threat"], line["record"]) == ("RH001 RH005", "Linf 8/255", record.digest)
    assert {line["kind"] for line in lines} == {"clean", "attack", "floor"}


def test_csv_tells_access_and_keeps_the_two_kinds_of_queries_apart() -> None:
    records = [make_record(), make_record(surrogate=HASHNET), make_record(attack="square", queries=200 * 64)]
    lines = list(csv.DictReader(io.StringIO(to_csv(build_leaderboard(records)))))
    names = ("queries", "access", "surrogate", "calls_per_query")
    assert [tuple(line[name] for name in names) for line in lines if line["kind"] == "attack"] == [
        ("200", "white-box", "", ""),
        ("200", "transfer", "hashnet 32 bit", ""),
        ("200", "queries", "", "64.0"),
    ]
    assert Access(lines[1]["access"]) is Access.WHITE_BOX


def test_json_is_the_whole_board() -> None:
    board = build_leaderboard(_grid())
    content = json.loads(to_json(board))
    assert [len(section["rows"]) for section in content["sections"]] == [
        len(section.rows) for section in board.sections
    ]
    assert content["sections"][0]["standings"][0]["worst"]["value"] == 0.3
    assert content["sections"][0]["setting"]["protocol"] == "map/tie-expected"


def test_json_has_the_matrices() -> None:
    records = _crafted(("dpsh", None, 0.2), ("hashnet", DPSH, 0.5), ("csq", HASHNET, 0.7))
    assert json.loads(to_json(build_leaderboard(records)))["sections"][0]["transfers"] == [
        {
            "attack": "hinge",
            "goal": "untargeted",
            "surrogates": ["dpsh 32 bit", "hashnet 32 bit"],
            "victims": ["csq 32 bit", "dpsh 32 bit", "hashnet 32 bit"],
            "clean": [0.9, 0.9, 0.9],
            "after": [[None, 0.2, 0.5], [0.7, None, None]],
        }
    ]


def test_rows_carry_what_other_records_contradict() -> None:
    """Also across sections: a larger epsilon is another section."""
    own = Flag(id="RH005", message="clipped")
    small = make_record(epsilon=4 / 255, after=0.3)
    large = make_record(epsilon=8 / 255, after=0.4, flags=(own,))
    board = build_leaderboard([large, small])
    flags = {row.record: [flag.id for flag in row.flags] for section in board.sections for row in section.rows}
    assert flags[large.digest] == ["RH005", "RH011"]
    assert flags[small.digest] == []
    assert "RH011 dpsh 32 bit, rnm: weaker than the same attack at epsilon 4/255 (0.400 against 0.300)" in _text(board)
