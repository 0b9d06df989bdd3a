"""Curves: which records are joined into a series, what its points are, and the forms they are shown in."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from robusthash.errors import InputError, MissingDependencyError, OptionError, UsageError
from robusthash.results import Against, Flag, Record, after_jpeg
from robusthash.results.curves.curves import build_curves
from robusthash.results.curves.files import curves_to_csv, curves_to_json, curves_to_markdown
from robusthash.results.curves.panels import Curves, Over, Panel, Series
from robusthash.results.curves.plots import save_plot
from robusthash.results.curves.terminal import render_curves
from robusthash.results.figures.canvas import FORMS
from robusthash.specs import Distance
from robusthash.testing.records import make_dataset, make_measure, make_model, make_record, with_digest

LEVELS = (2 / 255, 8 / 255, 0.1)


def _one(records: list[Record], over: Over, **traces: Any) -> Panel:
    (panel,) = build_curves(records, over, **traces).panels
    return panel


def _values(series: Series) -> list[tuple[str, float]]:
    return [(point.label, point.value) for point in series.points]


def _sweep(**changes: Any) -> list[Record]:
    return [make_record(epsilon=epsilon, after=0.6 - epsilon, **changes) for epsilon in LEVELS]


def _traced(trace: np.ndarray | list[list[int]]) -> Panel:
    return _one([make_record()], Over.ITERATION, trace_of=lambda record: np.asarray(trace, np.int16))


def _text(curves: Curves, *, width: int = 120) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(render_curves(curves))
    return file.getvalue()


def test_epsilon_begins_at_the_clean_queries() -> None:
    (series,) = _one(_sweep(), Over.EPSILON).series
    assert _values(series) == [
        ("0", 0.9),
        *((label, 0.6 - x) for label, x in zip(("2/255", "8/255", "0.1"), LEVELS, strict=True)),
    ]
    assert [(point.x, point.low, point.high) for point in series.points][:2] == [
        (0, 0.9 - 0.01, 0.9 + 0.01),
        (LEVELS[0], 0.6 - LEVELS[0] - 0.01, 0.6 - LEVELS[0] + 0.01),
    ]


def test_a_record_at_epsilon_0_takes_the_place_of_the_clean_queries() -> None:
    (series,) = _one([*_sweep(), make_record(epsilon=0.0, after=0.88)], Over.EPSILON).series
    assert _values(series)[0] == ("0", 0.88)
    assert len(series.points) == 4


def test_a_targeted_sweep_shows_relevance_to_the_targets_apart_from_untargeted_ones() -> None:
    targeted = [make_record(attack="p2s", epsilon=epsilon, target=0.2 + epsilon) for epsilon in LEVELS]
    panels = build_curves([*_sweep(), *targeted], Over.EPSILON).panels
    assert {panel.common.goal: panel.common.metric for panel in panels} == {"untargeted": "map", "targeted": "t-map"}
    (series,) = next(panel for panel in panels if panel.common.goal == "targeted").series
    assert [point.value for point in series.points] == [0.12, *(0.2 + epsilon for epsilon in LEVELS)]


def _after_jpeg(record: Record, **values: float) -> Record:
    """The record with scores after JPEG, by quality: of attacked queries; the clean ones have 0.85."""
    metrics = dict(record.outcome.metrics)
    qualities = {int(name.removeprefix("q")): value for name, value in values.items()}
    for quality, value in qualities.items():
        for stage, found in zip(after_jpeg(quality), (0.85, value), strict=True):
            metrics[stage] = {Against.OWN: {metric: make_measure(found) for metric in record.scoring.protocols}}
    scoring = replace(record.scoring, qualities=tuple(qualities))
    return with_digest(replace(record, scoring=scoring, outcome=replace(record.outcome, metrics=metrics)))


def test_over_jpeg_every_quality_is_a_point_and_the_clean_queries_are_a_series() -> None:
    noise = _after_jpeg(make_record(attack="noise", after=0.88), q90=0.86, q50=0.7)
    attacked = _after_jpeg(make_record(after=0.1), q90=0.3, q50=0.6)
    panel = _one([attacked, noise, make_record(attack="hag")], Over.JPEG)
    assert [(one.attack, one.stage, one.reference) for one in panel.series] == [
        ("clean queries", "clean", True),
        ("noise", "adversarial", True),
        ("rnm", "adversarial", False),
    ]
    assert _values(panel.series[2]) == [("50", 0.6), ("90", 0.3), ("none", 0.1)]
    assert [label for label, _ in _values(panel.series[0])] == ["50", "90", "none"]
    assert _values(panel.series[0])[2][1] == 0.9
    assert build_curves([make_record()], Over.JPEG).panels == ()


def test_over_epsilon_queries_after_jpeg_are_series_of_their_own() -> None:
    """They begin at the clean queries after JPEG; a record without that quality is no point of it."""
    first, second = (_after_jpeg(record, q75=0.5 - record.attack.epsilon) for record in _sweep()[:2])
    curves = build_curves([first, second, _sweep()[2]], Over.EPSILON)
    plain, compressed = curves.panels[0].series
    assert [(one.attack, one.stage, len(one.points)) for one in (plain, compressed)] == [
        ("rnm", "adversarial", 4),
        ("rnm, JPEG 75", "jpeg-75", 3),
    ]
    assert [label for label, _ in _values(compressed)] == ["0", "2/255", "8/255"]
    values = [0.85, 0.5 - LEVELS[0], 0.5 - LEVELS[1]]
    assert [value for _, value in _values(compressed)] == pytest.approx(values)
    assert {row["stage"] for row in csv.DictReader(io.StringIO(curves_to_csv(curves)))} == {"adversarial", "jpeg-75"}


def test_a_single_epsilon_is_no_curve_for_all_its_clean_point() -> None:
    assert build_curves([make_record()], Over.EPSILON).panels == ()


def test_what_is_not_held_to_epsilon_has_no_place_on_its_axis() -> None:
    flags = (Flag(id="RH006", message="unbounded"),)
    (series,) = _one([*_sweep(), *_sweep(attack="mosaic", flags=flags)], Over.EPSILON).series
    assert series.attack == "rnm"


def test_a_point_evaluated_again_shows_the_newer_record() -> None:
    old, new = (
        make_record(epsilon=LEVELS[0], after=after, created=f"2026-0{month}-01T00:00:00+00:00")
        for month, after in ((1, 0.5), (3, 0.4))
    )
    for records in ([old, new, *_sweep()[1:]], [new, *_sweep()[1:], old]):
        panel = _one(records, Over.EPSILON)
        assert _values(panel.series[0])[1] == ("2/255", 0.4)
        assert panel.superseded == 1


def test_the_same_radius_written_in_two_ways_is_one_point() -> None:
    records = [*_sweep(), make_record(epsilon=0.03137, after=0.1, created="2027-01-01T00:00:00+00:00")]
    (series,) = _one(records, Over.EPSILON).series
    assert [label for label, _ in _values(series)] == ["0", "2/255", "8/255", "0.1"]
    assert dict(_values(series))["8/255"] == 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"relevance": "exact"},
        {"protocols": {"map": "map@1000"}},
        {"dataset": make_dataset(digest="other")},
        {"dataset": make_dataset(query_digest="other")},
    ],
    ids=["seed", "relevance", "protocol", "splits", "queries"],
)
@pytest.mark.parametrize("over", [Over.EPSILON, Over.BITS, Over.EFFORT])
def test_what_is_not_comparable_is_never_in_one_panel(over: Over, changes: dict[str, Any]) -> None:
    one, other = ({"bits": n, "epsilon": n / 255, "options": {"steps": n}} for n in (16, 32))
    vary = {Over.EPSILON: ("epsilon",), Over.BITS: ("bits",), Over.EFFORT: ("options",)}[over]
    fixed = {name: one[name] for name in one if name not in vary}
    first, second = ({name: point[name] for name in vary} | fixed for point in (one, other))
    assert build_curves([make_record(**first), make_record(**second, **changes)], over).panels == ()
    both = [make_record(**point, **change) for point in (first, second) for change in ({}, changes)]
    assert len(build_curves(both, over).panels) == 2
    assert len(build_curves([make_record(**first), make_record(**second)], over).panels) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": "b2"},
        {"model": "hashnet"},
        {"defense": "saat"},
        {"attack": "hag"},
        {"options": {"p": 3.0}},
        {"surrogate": make_model("hashnet", weights="h")},
    ],
    ids=["weights", "model", "defense", "attack", "options", "surrogate"],
)
def test_what_is_another_victim_or_attack_is_another_series_with_a_name_of_its_own(changes: dict[str, Any]) -> None:
    plain = {"options": {"p": 2.0}}
    panel = _one([*_sweep(**plain), *_sweep(**{**plain, **changes})], Over.EPSILON)
    assert len({(one.victim, one.attack) for one in panel.series}) == 2
    assert all(len(one.points) == 4 for one in panel.series)


def test_a_transferred_attack_is_named_with_its_surrogate() -> None:
    surrogate = make_model("hashnet", weights="h")
    panel = _one([*_sweep(), *_sweep(surrogate=surrogate)], Over.EPSILON)
    assert [one.attack for one in panel.series] == ["rnm", "rnm from hashnet 32 bit"]


def test_steps_are_left_out_of_the_name_and_the_rest_of_the_options_is_not() -> None:
    records = [
        make_record(options={"steps": steps, "p": p}, after=0.5 - steps / 1000 + p / 100)
        for steps in (10, 50, 100)
        for p in (1.0, 2.0)
    ]
    others = [
        make_record(attack="noise"),
        make_record(attack="hag", options={"steps": 10}),
        make_record(attack="x", options={"steps": None}),
    ]
    panel = _one([*records, *others], Over.EFFORT)
    assert [one.attack for one in panel.series] == ["rnm p=1", "rnm p=2"]
    assert [label for label, _ in _values(panel.series[0])] == ["10", "50", "100"]
    assert panel.series[1].points[2].value == pytest.approx(0.5 - 0.1 + 0.02)
    assert panel.common.epsilon == 8 / 255


def test_effort_in_other_units_is_another_panel() -> None:
    records = [make_record(options={"steps": steps}) for steps in (1, 2)]
    records += [
        make_record(attack="square", options={"queries": queries}, effort="queries", queries=200)
        for queries in (500, 1000, 2000000)
    ]
    curves = build_curves(records, Over.EFFORT)
    assert {panel.common.effort: [point.label for point in panel.series[0].points] for panel in curves.panels} == {
        "steps": ["1", "2"],
        "queries": ["500", "1000", "2000000"],
    }
    assert "MAP over queries" in _text(curves)
    assert {panel.common.effort for panel in build_curves(_sweep(), Over.EPSILON).panels} == {None}


def test_models_of_any_length_have_no_length_in_their_names() -> None:
    """Nor does a namesake that has one in its own name lose it."""
    records = [make_record(model="odd 0 bit", bits=bits, weights=f"{bits}") for bits in (16, 32)]
    (series,) = _one(records, Over.BITS).series
    assert series.victim == "odd 0 bit"
    assert _one(_sweep(model="odd 0 bit"), Over.EPSILON).series[0].victim == "odd 0 bit 32 bit"


def test_descriptors_have_no_code_length_to_sweep() -> None:
    models = [make_model(bits=size, distance=Distance.COSINE, weights=str(size)) for size in (128, 256)]
    assert build_curves([make_record(model=model) for model in models], Over.BITS).panels == ()


def test_another_epsilon_is_another_panel_but_over_epsilon() -> None:
    records = [make_record(options={"steps": steps}, epsilon=epsilon) for steps in (1, 2) for epsilon in LEVELS]
    assert [panel.common.epsilon for panel in build_curves(records, Over.EFFORT).panels] == sorted(LEVELS)


def test_bits_join_victims_of_other_weights() -> None:
    surrogates = {bits: make_model("hashnet", bits=bits, weights=f"h{bits}") for bits in (16, 64)}
    records = [
        make_record(bits=bits, weights=f"{defense}{bits}", defense=defense, surrogate=surrogate, after=bits / 100)
        for bits in (64, 16)
        for defense in (None, "saat")
        for surrogate in (None, surrogates[bits])
    ]
    panel = _one(records, Over.BITS)
    assert [(one.victim, one.attack) for one in panel.series] == [
        ("dpsh", "rnm"),
        ("dpsh", "rnm from hashnet"),
        ("dpsh + saat", "rnm"),
        ("dpsh + saat", "rnm from hashnet"),
    ]
    assert all(_values(one) == [("16", 0.16), ("64", 0.64)] for one in panel.series)


def test_bits_do_not_join_models_that_were_trained_in_other_ways() -> None:
    def record(bits: int, **model: Any) -> Record:
        return make_record(model=make_model(bits=bits, weights=str(bits), **model))

    assert build_curves([record(16), record(32, backbone="resnet")], Over.BITS).panels == ()
    epochs = [record(bits, options={"train": {"epochs": n}}) for bits, n in ((16, 3), (32, 20))]
    assert build_curves(epochs, Over.BITS).panels == ()
    files = [record(bits, options={"checkpoint": f"net-{bits}.safetensors"}) for bits in (16, 32)]
    assert len(_one(files, Over.BITS).series) == 1


def test_noise_comes_first_and_is_a_reference() -> None:
    panel = _one([*_sweep(attack="hag"), *_sweep(attack="noise")], Over.EPSILON)
    assert [(one.attack, one.reference) for one in panel.series] == [("noise", True), ("hag", False)]


def test_a_trace_is_averaged_over_the_queries_step_by_step() -> None:
    panel = _traced([[30, 20, 10, 10], [10, 6, 0, 0], [20, 4, 2, 5]])
    assert panel.common.metric == "hamming"
    (series,) = panel.series
    assert _values(series) == [("0", 20.0), ("1", 10.0), ("2", 4.0), ("3", 5.0)]
    assert [point.x for point in series.points] == [0, 1, 2, 3]
    point = series.points[0]
    assert point.low == pytest.approx(20 - 1.96 * 10 / 3**0.5)
    assert point.high == pytest.approx(20 + 1.96 * 10 / 3**0.5)
    assert series.points[2].low == 0, "a distance is not negative"


def test_a_query_without_a_trace_does_not_count() -> None:
    (series,) = _traced([[30, 20], [-1, -1], [20, -1]]).series
    assert _values(series) == [("0", 25.0), ("1", 20.0)]
    assert (series.points[1].low, series.points[1].high) == (None, None), "one query has no spread"


@pytest.mark.parametrize("trace", [[[-1, -1], [-1, -1]], [[3], [4]], np.zeros((0, 5))])
def test_a_trace_of_nothing_is_no_curve(trace: Any) -> None:
    record = make_record()
    assert build_curves([record], Over.ITERATION, trace_of=lambda _: np.asarray(trace, np.int16)).panels == ()


@pytest.mark.parametrize("trace", [np.zeros(5, np.int16), np.zeros((2, 3)), np.zeros((2, 3, 4), np.int16)])
def test_an_array_that_is_no_trace_is_refused(trace: np.ndarray) -> None:
    with pytest.raises(InputError, match="trace of record"):
        build_curves([make_record()], Over.ITERATION, trace_of=lambda _: trace)


def test_the_newest_record_with_a_trace_counts() -> None:
    records = [make_record(created=f"2026-01-0{day}T00:00:00+00:00") for day in (1, 2, 3)]
    traces = dict(zip((record.digest for record in records), ([[9, 8]], [[7, 6]], None), strict=True))

    def trace_of(record: Record) -> np.ndarray | None:
        found = traces[record.digest]
        return None if found is None else np.asarray(found, np.int16)

    panel = _one(records, Over.ITERATION, trace_of=trace_of)
    assert _values(panel.series[0]) == [("0", 7.0), ("1", 6.0)]
    assert panel.superseded == 1


def test_traces_are_asked_for_over_iterations_alone() -> None:
    with pytest.raises(UsageError, match="arrays"):
        build_curves([], Over.ITERATION)

    def never(record: Record) -> None:
        raise AssertionError(record)

    assert _one(_sweep(), Over.EPSILON, trace_of=never).series


@given(st.permutations([*_sweep(), *_sweep(attack="hag"), *_sweep(model="hashnet", weights="h")]))
def test_the_order_of_the_records_does_not_matter(records: list[Record]) -> None:
    expected = [*_sweep(), *_sweep(attack="hag"), *_sweep(model="hashnet", weights="h")]
    assert build_curves(records, Over.EPSILON) == build_curves(expected, Over.EPSILON)


def test_the_table_shows_values_intervals_and_a_drawing() -> None:
    values = {0.02: 0.9, 0.04: 0.5, 0.06: 0.0}
    records = [make_record(epsilon=epsilon, clean=1.0, after=after) for epsilon, after in values.items()]
    text = _text(build_curves(records, Over.EPSILON), width=80)
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    row = next(line for line in lines if "rnm" in line)
    assert row.split() == ["dpsh", "32", "bit", "rnm", "1.000", "0.900", "0.500", "0.000", "██▅▁"]
    assert lines[lines.index(row) + 1].split() == ["±0.010"] * 4
    for part in ("digits: 200 queries, 1297 items", "untargeted", "map/tie-expected", "MAP over epsilon"):
        assert part in text
    assert "Linf" not in text


def test_a_series_that_lacks_an_x_leaves_its_place_empty() -> None:
    records = [*_sweep(), *_sweep(attack="hag")[::2]]
    row = next(line for line in _text(build_curves(records, Over.EPSILON)).splitlines() if "hag" in line)
    assert len(re.findall(r"\d\.\d{3}", row)) == 3
    assert re.search(r"[▁-█]{2} [▁-█]", row)
    assert "| 0.592 [0.582, 0.602] |  | 0.500 [0.490, 0.510] |" in curves_to_markdown(
        build_curves(records, Over.EPSILON)
    )


def test_a_failed_check_is_told_below_the_table() -> None:
    records = [*_sweep()[:2], make_record(epsilon=0.1, after=0.3, flags=(Flag(id="RH003", message="weak"),))]
    curves = build_curves(records, Over.EPSILON)
    note = "RH003 dpsh 32 bit, rnm, 0.1: weak"
    assert note in _text(curves)
    assert f"- {note}" in curves_to_markdown(curves)
    lines = list(csv.DictReader(io.StringIO(curves_to_csv(curves))))
    assert [line["flags"] for line in lines] == ["", "", "", "RH003"]


def test_a_larger_epsilon_that_is_weaker_is_told_too() -> None:
    records = [make_record(epsilon=epsilon, after=after) for epsilon, after in ((0.1, 0.2), (0.2, 0.4))]
    assert "RH011 dpsh 32 bit, rnm, 0.2: weaker" in _text(build_curves(records, Over.EPSILON))


def test_the_table_of_iterations_shows_a_handful_and_the_files_all() -> None:
    steps = 130
    curves = build_curves(
        [make_record()],
        Over.ITERATION,
        trace_of=lambda _: np.tile(np.arange(steps, -1, -1), (4, 1)).astype(np.int16),
    )
    head = next(line for line in _text(curves).splitlines() if "attack" in line)
    assert head.split() == ["model", "attack", "0", "1", "2", "5", "10", "20", "50", "100", "130"]
    assert "Hamming distance to the aim (bits) over iteration" in _text(curves)
    lines = list(csv.DictReader(io.StringIO(curves_to_csv(curves))))
    assert [(float(line["x"]), float(line["value"])) for line in lines] == [(i, steps - i) for i in range(steps + 1)]
    (panel,) = json.loads(curves_to_json(curves))["panels"]
    assert len(panel["series"][0]["points"]) == steps + 1


def test_a_table_that_is_too_wide_is_parted_and_loses_nothing() -> None:
    records = [make_record(epsilon=i / 100, after=0.9 - i / 100) for i in range(1, 20)]
    curves = build_curves(records, Over.EPSILON)
    (series,) = curves.panels[0].series
    for width, parts in ((240, 1), (120, 2), (80, 4)):
        lines = _text(curves, width=width).splitlines()
        assert max(len(line.rstrip()) for line in lines) <= width
        heads = [line.split()[2:] for line in lines if line.lstrip().startswith("model")]
        assert len(heads) == parts
        assert [label for head in heads for label in head] == [point.label for point in series.points]
        shown = [number for line in lines if "rnm" in line for number in re.findall(r"\d\.\d{3}", line)]
        assert shown == [f"{point.value:.3f}" for point in series.points]


def test_the_files_hold_everything() -> None:
    curves = build_curves([*_sweep(), *_sweep(attack="hag")], Over.EPSILON)
    content = json.loads(curves_to_json(curves))
    assert content["over"] == "epsilon"
    assert content["panels"][0]["series"][0]["points"][1]["low"] == curves.panels[0].series[0].points[1].low
    lines = list(csv.DictReader(io.StringIO(curves_to_csv(curves))))
    assert len(lines) == 8
    for line, point in zip(lines, (point for one in curves.panels[0].series for point in one.points), strict=True):
        assert (float(line["x"]), line["label"]) == (point.x, point.label)
        assert (float(line["value"]), float(line["low"]), float(line["high"])) == (point.value, point.low, point.high)
        assert (line["record"], line["over"], line["dataset"]) == (point.record, "epsilon", "digits")


def test_names_with_brackets_and_bars_are_shown_as_they_are() -> None:
    curves = build_curves(_sweep(model="[bold]x|y"), Over.EPSILON)
    assert "[bold]x|y" in _text(curves)
    assert r"[bold]x\|y" in curves_to_markdown(curves)


def _plots() -> Curves:
    return build_curves([*_sweep(), *_sweep(attack="noise"), *_sweep(attack="p2s", target=0.5)], Over.EPSILON)


def test_a_picture_names_its_axes_and_lines(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    save_plot(_plots(), tmp_path / "deep" / "curve.svg")
    text = (tmp_path / "deep" / "curve.svg").read_text()
    for part in (
        "epsilon (L∞ radius, share of the pixel range)",
        ">MAP<",
        ">t-MAP<",
        "dpsh 32 bit, rnm",
        "dpsh 32 bit, noise",
        "8/255",
        "200 queries, 1297 items",
    ):
        assert part in text, part
    assert text.count("FillBetweenPolyCollection") >= 3, "a band for each series"


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_the_same_bytes_again(tmp_path: Path, form: str) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    paths = [tmp_path / f"{name}{form}" for name in "ab"]
    for path in paths:
        save_plot(_plots(), path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[form])
    assert b"CreationDate" not in first
    assert b"dc:date" not in first


@pytest.mark.parametrize("over", [Over.EFFORT, Over.BITS, Over.ITERATION])
def test_every_axis_can_be_drawn(tmp_path: Path, over: Over) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    records = [make_record(bits=n, options={"steps": 100}, weights=str(n)) for n in (16, 32)]
    records += [make_record(options={"steps": n}) for n in (10, 11, 2000)]
    curves = build_curves(records, over, trace_of=lambda _: np.asarray([[9, 5, 1]], np.int16))
    save_plot(curves, tmp_path / "curve.svg")
    text = (tmp_path / "curve.svg").read_text()
    expected = {
        Over.EFFORT: ("steps of the attack", ">10<", ">2000<"),
        Over.BITS: ("code length (bits)", ">16<", ">32<"),
        Over.ITERATION: ("iteration (steps taken)", "Hamming distance to the aim (bits)"),
    }
    assert [part for part in expected[over] if part not in text] == []
    assert ">11<" not in text, "there is no room for it"


def test_a_picture_of_an_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"curve\.bmp"):
        save_plot(_plots(), tmp_path / "curve.bmp")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robusthash.results.figures.canvas.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=re.escape("robusthash[plot]")):
        save_plot(_plots(), tmp_path / "curve.svg")
    assert not (tmp_path / "curve.svg").exists()
