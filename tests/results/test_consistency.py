"""Soundness across records: what contradicts what, which record is suspect, and what is let be."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robusthash.results import ADVERSARIAL, Against, Flag, PluginUse, Record
from robusthash.results.comparing.consistency import SLACK, inconsistencies
from robusthash.specs import Norm
from robusthash.testing.records import make_dataset, make_measure, make_model, make_record

HASHNET = make_model("hashnet", weights="h")
OTHER = make_model("csq", weights="o")


def _found(*records: Record) -> dict[str, list[str]]:
    return {digest: [flag.id for flag in flags] for digest, flags in inconsistencies(records).items()}


def _messages(*records: Record) -> list[str]:
    return [flag.message for flags in inconsistencies(records).values() for flag in flags]


def _pair(check: str, values: tuple[float, float], **changes: Any) -> tuple[Record, Record]:
    """The record that ought to be at least as strong, and the one it is measured by; MAP of both."""
    own: tuple[dict[str, Any], dict[str, Any]] = {
        "RH011": ({"epsilon": 8 / 255}, {"epsilon": 4 / 255}),
        "RH012": ({"options": {"steps": 100, "p": 2}}, {"options": {"steps": 10, "p": 2}}),
        "RH013": ({}, {"surrogate": HASHNET}),
    }[check]
    one, other = (make_record(after=value, **{**its, **changes}) for value, its in zip(values, own, strict=True))
    return one, other


CHECKS = pytest.mark.parametrize("check", ["RH011", "RH012", "RH013"])


@CHECKS
def test_the_weaker_one_that_ought_to_be_stronger_is_flagged(check: str) -> None:
    suspect, witness = _pair(check, (0.4, 0.3))
    assert _found(suspect, witness) == _found(witness, suspect) == {suspect.digest: [check]}
    stronger, weaker = _pair(check, (0.3, 0.4))
    assert _found(stronger, weaker) == {}


def test_a_larger_length_is_not_weaker_and_norms_are_not_compared() -> None:
    suspect, witness = _pair("RH011", (0.4, 0.3), norm=Norm.L2)
    assert _found(suspect, witness) == {suspect.digest: ["RH011"]}
    assert _found(suspect, _pair("RH011", (0.4, 0.3))[1]) == {}


@CHECKS
def test_a_difference_within_the_slack_is_left_to_chance(check: str) -> None:
    assert _found(*_pair(check, (0.3 + SLACK, 0.3))) == {}
    suspect, witness = _pair(check, (0.3 + SLACK + 0.0001, 0.3))
    assert _found(suspect, witness) == {suspect.digest: [check]}


@CHECKS
def test_a_targeted_attack_is_judged_by_the_target_metric(check: str) -> None:
    suspect, witness = _pair(check, (0.1, 0.9), target=0.5)
    better, worse = (
        replace(witness, outcome=replace(witness.outcome, metrics={**witness.outcome.metrics, ADVERSARIAL: measures}))
        for measures in (
            {Against.OWN: {"map": make_measure(own)}, Against.TARGET: {"map": make_measure(target)}}
            for own, target in ((0.9, 0.6), (0.01, 0.4))
        )
    )
    assert _found(suspect, better) == {suspect.digest: [check]}
    assert _found(suspect, worse) == {}
    assert all("(0.500 against 0.600)" in message for message in _messages(suspect, better))


@CHECKS
@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"relevance": "exact"},
        {"protocols": {"map": "map@1000"}},
        {"dataset": make_dataset(digest="other")},
        {"dataset": make_dataset(query_digest="other")},
        {"model": make_model(weights="other")},
        {"model": make_model(bits=16)},
        {"attack": "hag"},
        {"options": {"p": 3, "steps": 10}},
        {"target": 0.9},
        {"flags": (Flag(id="RH006", message="unbounded"),)},
    ],
    ids=["seed", "relevance", "protocol", "splits", "queries", "weights", "bits", "attack", "options", "goal", "bound"],
)
def test_what_is_not_comparable_contradicts_nothing(check: str, changes: dict[str, Any]) -> None:
    suspect, _ = _pair(check, (0.4, 0.3))
    _, witness = _pair(check, (0.4, 0.3), **changes)
    assert _found(suspect, witness) == {}


def test_a_defense_makes_another_victim() -> None:
    bare, _ = _pair("RH011", (0.4, 0.3))
    defenses = [PluginUse(name="saat", owner="x 1", options={"a": a}) for a in (1, 2)]
    (suspect, witness), (_, other) = (_pair("RH011", (0.4, 0.3), defense=defense) for defense in defenses)
    assert _found(bare, witness) == {}
    assert _found(suspect, witness) == {suspect.digest: ["RH011"]}
    assert _found(suspect, other) == {}


def test_a_message_names_the_strongest_that_contradicts() -> None:
    suspect = make_record(epsilon=16 / 255, after=0.5)
    others = [make_record(epsilon=epsilon / 255, after=after) for epsilon, after in ((2, 0.4), (4, 0.2), (8, 0.3))]
    assert [flag.message for flag in inconsistencies([suspect, *others])[suspect.digest]] == [
        "weaker than the same attack at epsilon 4/255 (0.500 against 0.200)"
    ]
    assert _messages(*_pair("RH012", (0.4, 0.3))) == ["weaker than the same attack with 10 steps (0.400 against 0.300)"]
    white_box = make_record(after=0.4)
    crafted = [make_record(after=after, surrogate=one) for after, one in ((0.3, HASHNET), (0.25, OTHER))]
    assert _messages(white_box, *crafted) == ["weaker than the same attack crafted on csq 32 bit (0.400 against 0.250)"]


def test_one_record_may_fail_every_check() -> None:
    suspect = make_record(options={"steps": 100}, after=0.6)
    witnesses = [
        make_record(options={"steps": 100}, epsilon=4 / 255, after=0.5),
        make_record(options={"steps": 10}, after=0.4),
        make_record(options={"steps": 100}, surrogate=HASHNET, after=0.3),
    ]
    assert _found(suspect, *witnesses) == {suspect.digest: ["RH011", "RH012", "RH013"]}


def test_only_white_box_attacks_must_gain_from_a_larger_ball() -> None:
    for changes in ({"surrogate": HASHNET}, {"queries": 500}):
        assert _found(*_pair("RH011", (0.4, 0.3), **changes)) == {}
    suspect, witness = _pair("RH011", (0.4, 0.3))
    assert _found(suspect, replace(witness, attack=replace(witness.attack, surrogate=HASHNET))) == {}


def test_more_steps_may_cost_transfer_but_not_queries() -> None:
    assert _found(*_pair("RH012", (0.4, 0.3), surrogate=HASHNET)) == {}
    suspect, witness = _pair("RH012", (0.4, 0.3), queries=500)
    assert _found(suspect, witness) == {suspect.digest: ["RH012"]}
    # White-box in one and by queries in the other: not the same attack.
    assert _found(suspect, make_record(options={"steps": 10, "p": 2}, after=0.3)) == {}


def test_effort_is_whatever_option_an_attack_says_it_is() -> None:
    def record(queries: int, after: float, **other: Any) -> Record:
        options = {"queries": queries, "p": 2}
        return make_record(attack="square", options=options, effort="queries", queries=200, after=after, **other)

    suspect, witness = record(100, 0.4), record(10, 0.3)
    assert _found(suspect, witness) == {suspect.digest: ["RH012"]}
    assert _messages(suspect, witness) == ["weaker than the same attack with 10 queries (0.400 against 0.300)"]
    # An attack that does not say so runs with other options, and is another.
    unsaid = make_record(attack="square", options={"queries": 10, "p": 2}, queries=200, after=0.3)
    assert unsaid.attack.effort is None
    assert _found(suspect, unsaid) == {}


def test_transfer_is_held_against_the_same_epsilon() -> None:
    suspect, witness = _pair("RH013", (0.4, 0.3))
    assert _found(suspect, replace(witness, attack=replace(witness.attack, epsilon=16 / 255))) == {}
    # Nor is what asks the victim's service a transfer.
    asking = replace(witness.outcome, cost=replace(witness.outcome.cost, queries=10))
    assert _found(suspect, replace(witness, outcome=asking)) == {}


def test_noise_seeks_nothing() -> None:
    assert _found(*_pair("RH011", (0.85, 0.8), attack="noise")) == {}


def test_an_attack_without_steps_is_not_compared_by_them() -> None:
    assert _found(make_record(options={"steps": "many"}, after=0.4), make_record(options={"steps": 1}, after=0.3)) == {}
    assert _found(make_record(after=0.4), make_record(options={"steps": 1}, after=0.3)) == {}


def test_an_older_record_of_a_cell_is_no_evidence() -> None:
    suspect, witness = _pair("RH011", (0.4, 0.3))
    again = make_record(epsilon=4 / 255, after=0.45, created="2026-02-01T00:00:00+00:00")
    assert _found(suspect, witness, again) == {}
    repaired = make_record(epsilon=8 / 255, after=0.2, created="2026-02-01T00:00:00+00:00")
    assert _found(suspect, witness, repaired) == {}


def test_another_headline_metric_is_judged_by_itself() -> None:
    def record(epsilon: float, value: float) -> Record:
        return make_record(epsilon=epsilon, protocols={"precision@r2": "precision@r2/v1"}, after=value)

    small, large = record(4 / 255, 0.3), record(8 / 255, 0.4)
    assert _found(small, large) == {large.digest: ["RH011"]}


SWEEP = {n: make_record(epsilon=n / 255, after=after) for n, after in ((2, 0.2), (4, 0.5), (8, 0.15), (16, 0.3))}


@given(st.permutations(list(SWEEP.values())))
def test_the_order_of_the_records_does_not_matter(records: list[Record]) -> None:
    assert {digest: flag.message for digest, (flag,) in inconsistencies(records).items()} == {
        SWEEP[4].digest: "weaker than the same attack at epsilon 2/255 (0.500 against 0.200)",
        SWEEP[16].digest: "weaker than the same attack at epsilon 8/255 (0.300 against 0.150)",
    }


def test_edits_are_compared_with_fewer_edits_and_never_with_epsilons() -> None:
    from robusthash.specs import Norm

    strong = make_record(after=0.1, epsilon=0.5)
    few = make_record(after=0.2, epsilon=1.0, norm=Norm.TAGS)
    more = make_record(after=0.4, epsilon=3.0, norm=Norm.TAGS)
    found = inconsistencies([strong, few, more])
    assert set(found) == {more.digest}
    assert [flag.id for flag in found[more.digest]] == ["RH011"]
    assert "at tags 1" in found[more.digest][0].message
