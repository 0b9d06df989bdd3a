"""Verdicts on made-up releases: each way to pass, to fail, to be inconclusive, and to be refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robusthash.errors import InputError, RobustHashError, UsageError
from robusthash.results import Flag
from robusthash.results.gate import (
    Baseline,
    GateSettings,
    Level,
    NoticeKind,
    State,
    Undecided,
    Verdict,
    judge,
    parse_rule,
    read_baseline,
    updated,
    write_baseline,
)
from robusthash.results.gate.wording import details, finding
from robusthash.specs import Direction, Distance
from robusthash.testing.records import make_dataset, make_model
from robusthash.testing.releases import QUERIES, Release, dropped

DROP = "map[attack=rnm] drop <= 0.02"
MASKED = Flag(id="RH003", message="weaker than noise: masked gradients?")
RANDOMISED = Flag(id="RH008", message="randomised")


def settings(*rules: str, **changes: Any) -> GateSettings:
    return GateSettings(rules=tuple(map(parse_rule, rules)), **changes)


def baseline_of(release: Release, path: Path, *rules: str) -> Baseline:
    """The baseline that a release makes, through its file."""
    write_baseline(path, updated(release.material(), settings(*rules)))
    return read_baseline(path)


def verdict(now: Release, before: Release, path: Path, *rules: str, **options: Any) -> Verdict:
    return judge(now.material(), settings(*rules), baseline_of(before, path / "baseline.json", *rules), **options)


def told(found: Verdict) -> str:
    return "\n".join(line for check in found.checks for line in (finding(check, 0.95), *details(check)))


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ("map >= 0.3", State.PASS),
        ("map > 0.3", State.FAIL),
        ("map <= 0.3", State.PASS),
        ("map < 0.3", State.FAIL),
        ("map >= 0.31", State.FAIL),
        ("map[stage=clean] >= 90%", State.PASS),
    ],
)
def test_a_number_is_compared_with_its_limit_and_equality_keeps_to_it(rule: str, state: State) -> None:
    release = Release().add([0.3] * QUERIES)
    assert judge(release.material(), settings(rule)).state is state


@pytest.mark.parametrize(
    ("by", "spread", "state", "code"),
    [
        (0.0, 0.0, State.PASS, 0),
        (0.02, 0.0, State.PASS, 0),  # equality
        (0.0, 0.05, State.PASS, 0),
        (0.1, 0.05, State.FAIL, 3),
        (0.1, 0.0, State.FAIL, 3),
        (0.022, 0.1, State.INCONCLUSIVE, 4),
        (0.018, 0.1, State.INCONCLUSIVE, 4),
    ],
)
def test_a_drop_is_judged_by_its_interval(tmp_path: Path, by: float, spread: float, state: State, code: int) -> None:
    found = verdict(Release().add(dropped(by, spread=spread), weights="b2"), Release().add(), tmp_path, DROP)
    assert (found.state, found.exit_code) == (state, code)
    difference = found.checks[0].difference
    assert difference is not None
    assert difference.mean == pytest.approx(by, abs=1e-4)
    assert difference.low <= difference.mean <= difference.high
    assert (difference.needed is not None) == (state is State.INCONCLUSIVE)


def test_an_inconclusive_check_says_how_many_queries_would_decide(tmp_path: Path) -> None:
    now = Release().add(dropped(0.022, spread=0.1))
    found = verdict(now, Release().add(), tmp_path, DROP)
    difference = found.checks[0].difference
    assert difference is not None
    assert difference.needed is not None
    assert difference.needed > QUERIES
    assert f"about {difference.needed:,} queries would decide" in told(found)
    assert verdict(now, Release().add(), tmp_path, DROP, undecided=Undecided.PASS).exit_code == 0
    assert verdict(now, Release().add(), tmp_path, DROP, undecided=Undecided.FAIL).exit_code == 3


def test_a_rise_on_the_target_labels_is_a_drop(tmp_path: Path) -> None:
    before, now = Release().add(targeted=True), Release().add(dropped(-0.1, spread=0.02), targeted=True)
    found = verdict(now, before, tmp_path, "t-map rise <= 0.02")
    assert found.state is State.FAIL
    assert "rose by 0.1" in told(found)
    assert verdict(before, now, tmp_path, "t-map rise <= 0.02").state is State.PASS


def test_a_rule_on_target_labels_leaves_out_untargeted_attacks() -> None:
    release = Release().add(targeted=True).add(attack="hag")
    assert len(judge(release.material(), settings("t-map <= 0.9")).checks) == 1


@pytest.mark.parametrize("level", [Level.WARN, Level.OFF])
def test_a_rule_that_does_not_err_fails_no_gate(level: Level) -> None:
    rules = (parse_rule("map >= 0.9", level=level), parse_rule("map >= 0.1"))
    found = judge(Release().add().material(), GateSettings(rules=rules))
    assert found.state is State.PASS
    assert len(found.checks) == (2 if level is Level.WARN else 1)


def test_a_rule_is_for_all_cells_that_it_names_and_noise_is_not_one_unless_it_is_named() -> None:
    release = Release().add().add(attack="hag").add(attack="noise").add(attack="rnm", epsilon=16 / 255)
    count = {
        rule: len(judge(release.material(), settings(rule)).checks)
        for rule in (
            "map >= 0.1",
            "map[attack=*] >= 0.1",
            "map[attack=rnm] >= 0.1",
            "map[epsilon=16/255] >= 0.1",
            "map[stage=clean] >= 0.1",
        )
    }
    assert list(count.values()) == [3, 4, 2, 1, 1]  # the clean queries are judged once, not once for each attack


def test_several_rules_are_corrected_together_and_the_interval_shown_is_the_one_that_decides(tmp_path: Path) -> None:
    names = [f"a{i}" for i in range(40)]
    before, now, alone = Release(), Release(), Release()
    values = dropped(0.035, spread=0.09)
    for name in names:
        before.add(attack=name)
        now.add(values, attack=name)
    alone.add(values, attack="a0")
    one = verdict(alone, Release().add(attack="a0"), tmp_path, "map drop <= 0.02")
    many = verdict(now, before, tmp_path, "map drop <= 0.02")
    assert (one.state, many.state) == (State.FAIL, State.INCONCLUSIVE)
    assert all(check.difference and check.difference.low <= 0.02 <= check.difference.high for check in many.checks)


def test_a_rule_that_warns_does_not_make_the_others_milder(tmp_path: Path) -> None:
    values = dropped(0.035, spread=0.09)
    names = [f"a{i}" for i in range(40)]
    before, now = Release(), Release()
    for name in names:
        before.add(attack=name)
        now.add(values, attack=name)
    rules = [parse_rule("map[attack=a0] drop <= 0.02"), parse_rule("map drop <= 0.02", level=Level.WARN)]
    stored = baseline_of(before, tmp_path / "b.json", "map drop <= 0.02")
    found = judge(now.material(), GateSettings(rules=tuple(rules)), stored)
    assert found.checks[0].state is State.FAIL
    assert {check.state for check in found.checks[1:]} == {State.INCONCLUSIVE}


def test_a_first_run_passes_with_a_notice_unless_a_baseline_is_required() -> None:
    release = Release().add()
    found = judge(release.material(), settings(DROP))
    assert found.exit_code == 0
    assert [notice.kind for notice in found.notices] == [NoticeKind.FIRST_RUN]
    with pytest.raises(UsageError, match="there is no baseline of 1 cells, such as digits, dpsh 32 bit, rnm"):
        judge(release.material(), settings(DROP), require_baseline=True)


def test_a_cell_that_is_new_passes_with_a_notice_beside_those_that_are_not(tmp_path: Path) -> None:
    now = Release().add().add(attack="hag")
    found = verdict(now, Release().add(), tmp_path, "map drop <= 0.02")
    assert [check.difference is None for check in found.checks] == [False, True]
    assert [notice.kind for notice in found.notices] == [NoticeKind.FIRST_RUN]


def test_a_better_result_says_that_the_baseline_is_stale(tmp_path: Path) -> None:
    better = verdict(Release().add(dropped(-0.05)), Release().add(), tmp_path, DROP)
    assert [notice.kind for notice in better.notices] == [NoticeKind.STALE]
    assert verdict(Release().add(dropped(-0.01)), Release().add(), tmp_path, DROP).notices == ()


def test_a_rule_that_cannot_fail_is_said(tmp_path: Path) -> None:
    floor = [0.051] * QUERIES  # the lowest possible value in these records is 0.05
    found = verdict(Release().add(floor), Release().add(floor), tmp_path, DROP)
    assert [notice.kind for notice in found.notices] == [NoticeKind.VACUOUS]


@pytest.mark.parametrize("rule", ["map >= 0.1", DROP])
def test_a_failed_soundness_check_keeps_a_result_from_passing(rule: str) -> None:
    release = Release().add(flags=(MASKED,))
    found = judge(release.material(), settings(rule), undecided=Undecided.PASS)
    assert found.exit_code == 3
    assert "RH003: weaker than noise" in told(found)
    assert "--allow RH003" in told(found)
    assert judge(release.material(), settings(rule, allow=frozenset({"RH005"}))).exit_code == 3
    allowed = judge(release.material(), settings(rule, allow=frozenset({"RH003"})))
    assert allowed.exit_code == 0
    assert NoticeKind.ALLOWED in {notice.kind for notice in allowed.notices}


def test_a_flag_of_the_attack_says_nothing_about_the_clean_queries_and_one_of_the_victim_does() -> None:
    rule = "map[stage=clean] >= 0.5"
    assert judge(Release().add(flags=(MASKED,)).material(), settings(rule)).exit_code == 0
    assert judge(Release().add(flags=(RANDOMISED,)).material(), settings(rule)).exit_code == 3


def test_checks_between_records_count_too() -> None:
    """A larger epsilon that is weaker is found only by looking at both records."""
    release = Release().add(dropped(0.0)).add(dropped(-0.1), epsilon=16 / 255)
    found = judge(release.material(), settings("map[epsilon=16/255] >= 0.1"))
    assert [flag.id for flag in found.checks[0].blocking] == ["RH011"]


def test_release_n_meets_release_n_plus_1(tmp_path: Path) -> None:
    """Weights, versions, and the name of the checkpoint's file do not tell cells apart."""
    before = Release().add(model=make_model(options={"checkpoint": "one.safetensors"}), weights="a1")
    now = Release().add(
        model=make_model(weights="b2", options={"checkpoint": "two.safetensors"}),
        versions={"robusthash": "9.9", "torch": "9.9"},
        created="2027-01-02T03:04:05+00:00",
    )
    found = verdict(now, before, tmp_path, DROP)
    assert found.state is State.PASS
    assert "version of robusthash: 0.1.0 to 9.9" in found.checks[0].changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": make_dataset(digest="0" * 64)}, "split was"),
        ({"dataset": make_dataset(query_digest="0" * 64)}, "query set was"),
        ({"dataset": make_dataset(database=5)}, "database was 1297 and is 5"),
        ({"epsilon": 4 / 255}, "epsilon was 8/255 and is 4/255"),
        ({"options": {"steps": 50}}, "option steps of the attack was 100 and is 50"),
        ({"precision": "bf16"}, "option precision of the attack was float32 and is bf16"),
        ({"protocols": {"map": "map/other"}}, "protocol was map/tie-expected and is map/other"),
        ({"relevance": "exact"}, "relevance was share-any and is exact"),
        ({"seed": 3}, "the seed of targets and queries was 0 and is 3"),
        ({"bits": 64}, "size was 32 bit and is 64 bit"),
        ({"surrogate": make_model("hashnet")}, "surrogate was none and is hashnet 32 bit"),
        ({"model": make_model(distance=Distance.COSINE)}, "distance was hamming and is cosine"),
    ],
)
def test_what_was_measured_otherwise_is_never_compared(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    options = {"steps": 100}
    before = Release().add(options=options)
    now = Release().add(**{"options": options, **changes})
    with pytest.raises(InputError) as caught:
        verdict(now, before, tmp_path, DROP)
    assert said in caught.value.message
    assert "cannot be compared with the baseline" in caught.value.message


def test_a_cell_that_is_gone_is_an_error(tmp_path: Path) -> None:
    before = Release().add().add(attack="hag")
    with pytest.raises(InputError, match=r"the results lack a cell of the baseline .*hag at 8/255: map"):
        verdict(Release().add(), before, tmp_path, "map drop <= 0.02")


@pytest.mark.parametrize("direction", [Direction.T2I])
def test_another_direction_is_another_cell(tmp_path: Path, direction: Direction) -> None:
    with pytest.raises(InputError, match="lack a cell"):
        verdict(Release().add(direction=direction), Release().add(), tmp_path, DROP)


def test_a_release_that_lost_its_defense_is_compared_and_the_loss_is_said(tmp_path: Path) -> None:
    now = Release().add(dropped(0.2, spread=0.05), weights="b2")
    found = verdict(now, Release().add(defense="saat"), tmp_path, DROP)
    assert found.state is State.FAIL
    assert "changed since the baseline: defense: saat to none" in told(found)


def test_where_both_are_evaluated_each_meets_its_own(tmp_path: Path) -> None:
    before = Release().add().add(dropped(-0.1), defense="saat")
    assert verdict(before, before, tmp_path, DROP).state is State.PASS
    swapped = Release().add(dropped(-0.1)).add(defense="saat")
    found = verdict(swapped, before, tmp_path, DROP)
    assert [check.state for check in found.checks] == [State.PASS, State.FAIL]


def test_a_victim_that_could_be_meant_by_two_cells_is_refused(tmp_path: Path) -> None:
    before = Release().add(defense="saat").add(defense="cgat")
    with pytest.raises(InputError, match="could be any of several victims"):
        verdict(Release().add(), before, tmp_path, DROP)


def test_a_cell_that_is_in_a_baseline_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    baseline_of(Release().add(), path, DROP)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "cells": content["cells"] * 2}))
    with pytest.raises(InputError, match="rnm at 8/255: map twice"):
        read_baseline(path)


def test_two_models_of_one_name_are_refused_or_the_newest_is_taken() -> None:
    release = Release().add(weights="a1").add(dropped(0.2), weights="b2", created="2027-01-01T00:00:00+00:00")
    with pytest.raises(UsageError, match="2 models answer to digits, dpsh 32 bit, rnm at 8/255: map"):
        judge(release.material(), settings("map >= 0.4"))
    assert judge(release.material(newest=True), settings("map >= 0.4")).state is State.FAIL
    older = next(iter(release.records)).victim.model.digest[:8]
    assert judge(release.material(), settings(f"map[weights={older}] >= 0.4")).state is State.PASS


def test_the_newest_result_of_one_model_is_judged() -> None:
    release = Release().add(versions={"torch": "9"}, created="2027-01-01T00:00:00+00:00").add(dropped(0.3))
    assert len(judge(release.material(), settings("map >= 0.4")).checks) == 1
    assert judge(release.material(), settings("map >= 0.4")).state is State.PASS


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("map[attack=rmn] >= 0.1", "did you mean 'rnm'?"),
        ("map[dataset=cifar10] >= 0.1", "the results have digits"),
        ("map[attack=rnm, epsilon=16/255] >= 0.1", "no result has epsilon=16/255"),
        ("mpa >= 0.1", "did you mean 'map'?"),
        ("t-map <= 0.1", "no result of a targeted attack"),
        ("map[stage=jpeg-75] >= 0.1", "no result has stage=jpeg-75"),
    ],
)
def test_a_rule_that_names_nothing_is_an_error(rule: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        judge(Release().add().material(), settings("map >= 0.1", rule))
    assert said in str(caught.value)


def test_a_metric_that_only_some_cells_have_is_an_error() -> None:
    release = Release().add(protocols={"map": "m", "map@5": "n"}).add(attack="hag")
    with pytest.raises(UsageError, match="unknown metric 'map@5'"):
        judge(release.material(), settings("map@5 >= 0.1"))
    assert len(judge(release.material(), settings("map@5[attack=rnm] >= 0.1")).checks) == 1


def test_without_rules_there_is_no_verdict() -> None:
    with pytest.raises(UsageError, match="no rule to judge by"):
        judge(Release().add().material(), GateSettings(rules=(parse_rule("map >= 0", level=Level.OFF),)))


def test_queries_whose_mean_is_not_the_result_are_refused(tmp_path: Path) -> None:
    """As of a metric that leaves out queries, or of arrays of another record."""
    release = Release().add()
    odd = replace(release.material(), read=lambda _record, _name: [0.9] * QUERIES)
    with pytest.raises(InputError, match=r"average 0.9000, but its result is"):
        judge(odd, settings(DROP), baseline_of(release, tmp_path / "b.json", DROP))
    short = replace(release.material(), read=lambda _record, _name: [0.5])
    with pytest.raises(InputError, match="1 values of 200 queries"):
        judge(short, settings(DROP), baseline_of(release, tmp_path / "b.json", DROP))


def test_a_rule_without_a_baseline_reads_no_values() -> None:
    def unread(_record: object, name: str) -> list[float]:
        raise AssertionError(name)

    material = replace(Release().add().material(), read=unread)
    assert judge(material, settings("map >= 0.1")).exit_code == 0


def test_a_verdict_does_not_depend_on_the_order_of_records(tmp_path: Path) -> None:
    before = Release().add().add(attack="hag").add(defense="saat")
    now = Release().add(dropped(0.1)).add(attack="hag").add(dropped(0.3), defense="saat")
    rules = ("map[defense=*] drop <= 0.02",)
    one = verdict(now, before, tmp_path, *rules)
    now.records.reverse()
    other = verdict(now, before, tmp_path, *rules)
    assert sorted(map(str, (check.cell for check in one.checks))) == sorted(str(check.cell) for check in other.checks)
    assert {str(check.cell): check.state for check in one.checks} == {
        str(check.cell): check.state for check in other.checks
    }


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: "{", "is not a baseline"),
        (lambda text: "[]", "is not a baseline"),
        (lambda text: text.replace('"schema": 1', '"schema": 7'), "update robusthash"),
        (lambda text: text.replace('"mean": 0', '"mean": 0.9, "x": 0', 1), "unknown field"),
        (lambda text: text.replace('"values": [0', '"values": [9', 1), "<= 1.0"),
        (lambda text: text.replace('"values": [', '"values": [1, ', 1), "201 values of 200 queries"),
        (lambda text: text.replace('"epsilon": "8/255",', "", 1), "epsilon or surrogate is missing"),
        (lambda text: text.replace('"model": "dpsh",', "", 1), "model is missing"),
    ],
)
def test_a_baseline_that_was_spoiled_is_refused(tmp_path: Path, edit: Any, said: str) -> None:
    path = tmp_path / "baseline.json"
    baseline_of(Release().add(), path, DROP)
    path.write_text(edit(path.read_text()))
    with pytest.raises(InputError) as caught:
        read_baseline(path)
    assert said in str(caught.value)


def test_a_mean_that_was_lowered_by_hand_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    mean = baseline_of(Release().add(), path, DROP).cells[0].measure.value
    path.write_text(path.read_text().replace(f'"mean": {mean}', '"mean": 0.1'))
    with pytest.raises(InputError, match=r"its mean is 0.1"):
        read_baseline(path)


def test_equal_releases_make_equal_baselines_and_a_diff_shows_what_changed(tmp_path: Path) -> None:
    rule = "map drop <= 0.02"
    one, other, changed = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    baseline_of(Release().add().add(attack="hag"), one, rule)
    baseline_of(Release().add(attack="hag").add(), other, rule)
    assert one.read_bytes() == other.read_bytes()
    baseline_of(Release().add().add(dropped(0.1), attack="hag"), changed, rule)
    lines = set(changed.read_text().splitlines()) - set(one.read_text().splitlines())
    assert len(lines) == 6  # record, mean and its interval, version digest of the made-up numbers, values
    assert sum('"values"' in line for line in lines) == 1


def test_only_what_rules_name_is_in_the_baseline(tmp_path: Path) -> None:
    release = Release().add().add(attack="hag")
    assert len(baseline_of(release, tmp_path / "b.json", DROP, "map[attack=hag] >= 0.1").cells) == 1
    with pytest.raises(UsageError, match="no rule compares with a baseline"):
        updated(release.material(), settings("map >= 0.1"))


def test_every_refusal_is_an_error_of_ours_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(RobustHashError) as caught:
        read_baseline(tmp_path / "none.json")
    assert caught.value.hint
