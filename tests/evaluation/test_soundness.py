"""Soundness checks: each fires on what it is about, and on nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from robusthash.evaluation.scoring.soundness import soundness
from robusthash.results import Flag
from robusthash.specs import Norm
from robusthash.testing.records import make_model, make_record

HONEST = {"randomised": 0.0, "gradients": 1.0, "saturated": 0.01, "stepped": 0.0, "reached": 1.0}


def failed(
    *,
    clean: float = 0.9,
    attacked: float = 0.2,
    noise: float | None = 0.8,
    epsilon: float = 8 / 255,
    targeted: bool = False,
    transferred: bool = False,
    passes: int = 1,
    clipped: float = 0.0,
    moved: float = 9.0,
    probe: dict[str, float] | None = None,
    farthest: float = 8 / 255,
    norm: Norm = Norm.LINF,
    changed: float = 8 / 255,
    gradients: bool = True,
    bounded: bool = True,
    all_equal: bool = False,
) -> list[Flag]:
    """The failed checks of a record that is sound but for what a test changes."""
    made = make_record(
        clean=clean,
        after=attacked,
        target=attacked if targeted else None,
        epsilon=epsilon,
        norm=norm,
        surrogate=make_model("hashnet") if transferred else None,
    )
    imagery = {**made.outcome.imagery, "clipped": clipped, "hamming": moved, "linf": changed}
    record = replace(
        made,
        attack=replace(made.attack, passes=passes),
        outcome=replace(made.outcome, imagery=imagery, probe=probe or {}),
    )
    reference = None if noise is None else make_record(attack="noise", after=noise, epsilon=epsilon, norm=norm)
    found = soundness(record, reference, farthest=farthest, gradients=gradients, bounded=bounded, all_equal=all_equal)
    return list(found)


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, []),
        ({"farthest": 9 / 255}, ["RH001"]),
        ({"farthest": 0.5, "bounded": False, "gradients": False}, ["RH006"]),
        ({"epsilon": 0.0, "farthest": 0.0, "noise": None}, ["RH002"]),
        ({"epsilon": 0.0, "farthest": 0.5, "bounded": False, "noise": None}, ["RH006"]),
        ({"attacked": 0.85}, ["RH003"]),
        ({"attacked": 0.85, "gradients": False}, []),
        ({"attacked": 0.1, "targeted": True}, ["RH003"]),
        ({"moved": 0.0}, ["RH004"]),
        ({"clipped": 0.01}, ["RH005"]),
        ({"probe": HONEST}, []),
        ({"probe": {**HONEST, "gradients": 0.1, "saturated": 1.0, "stepped": 1.0}}, ["RH007"]),
        ({"probe": {**HONEST, "gradients": 0.0}}, ["RH007"]),
        ({"probe": {**HONEST, "gradients": 0.0, "stepped": 1.0}}, ["RH009"]),
        ({"probe": {**HONEST, "gradients": 0.0, "stepped": 1.0}, "gradients": False}, []),
        ({"probe": {**HONEST, "gradients": 0.0, "stepped": 1.0}, "transferred": True}, []),
        ({"probe": {**HONEST, "stepped": 1.0}}, []),
        ({"probe": {**HONEST, "randomised": 0.2}}, ["RH008"]),
        ({"probe": {**HONEST, "reached": 0.4}}, ["RH010"]),
        ({"attacked": 0.85, "transferred": True}, []),
    ],
)
def test_each_check_fires_on_its_own_fault(changes: dict[str, Any], ids: list[str]) -> None:
    assert [flag.id for flag in failed(**changes)] == ids


TAGS = {"norm": Norm.TAGS, "epsilon": 3.0, "farthest": 3.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"farthest": 4.0}, ["tags 4 is over tags 3"]),
        ({"farthest": 9.0, "bounded": False, "gradients": False}, ["unbounded: not limited to tags 3, and not ranked"]),
        ({"epsilon": 0.0, "farthest": 0.0, "noise": None}, ["tags 0, but 0.900 became 0.200"]),
        ({"attacked": 0.85}, ["weaker than noise (0.850 against 0.800): masked gradients?"]),
    ],
)
def test_edits_are_checked_as_they_are_counted(changes: dict[str, Any], told: list[str]) -> None:
    assert [flag.message for flag in failed(**{**TAGS, **changes})] == told


@pytest.mark.parametrize(("changed", "told"), [(0.0, "the radius is below one level"), (1 / 255, "gradients are zero")])
def test_what_no_radius_can_change_is_told_from_masked_gradients(changed: float, told: str) -> None:
    (flag,) = failed(moved=0.0, changed=changed)
    assert flag.id == "RH004"
    assert told in flag.message
