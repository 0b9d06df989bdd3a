"""Soundness checks: each fires on what it is about, and on nothing else."""

from dataclasses import replace

import pytest

from robusthash.adversary import Evidence, soundness
from robusthash.specs import Goal

HONEST = {"randomised": 0.0, "gradients": 1.0, "saturated": 0.01, "stepped": 0.0, "reached": 1.0}

SOUND = Evidence(
    goal=Goal.UNTARGETED,
    epsilon=8 / 255,
    linf=8 / 255,
    clipped=0.0,
    clean=0.9,
    attacked=0.2,
    noise=0.8,
    moved=9.0,
    gradients=True,
)


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, []),
        ({"linf": 9 / 255}, ["RH001"]),
        ({"linf": 0.5, "bounded": False, "gradients": False}, ["RH006"]),
        ({"epsilon": 0.0, "linf": 0.0, "noise": None}, ["RH002"]),
        ({"epsilon": 0.0, "linf": 0.5, "bounded": False, "noise": None}, ["RH006"]),
        ({"attacked": 0.85}, ["RH003"]),
        ({"attacked": 0.85, "gradients": False}, []),
        ({"attacked": 0.1, "noise": 0.2, "goal": Goal.TARGETED}, ["RH003"]),
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
def test_each_check_fires_on_its_own_fault(changes: dict[str, object], ids: list[str]) -> None:
    assert [name for name, _ in soundness(replace(SOUND, **changes))] == ids  # type: ignore[arg-type]  # its own fields
