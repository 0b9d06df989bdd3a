"""Freed memory is kept where a process computes, and left to the system where someone says so."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

import robusthash.cli.output.devices as devices
from robusthash.allocation import SWITCH, keep_freed_memory

# Three blocks at once: glibc itself learns to keep one.
_ROUNDS = """
import resource, sys
from robusthash.allocation import keep_freed_memory
print(keep_freed_memory())
for _ in range(10):
    blocks = [bytearray(20 << 20) for _ in range(3)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
_PAGES = 10 * 3 * (20 << 20) // os.sysconf("SC_PAGESIZE")  # of all rounds

pytestmark = pytest.mark.skipif(not keep_freed_memory(), reason="no glibc, or its own variables are set")


def _run(variables: Mapping[str, str]) -> tuple[bool, int]:
    out = subprocess.run(
        [sys.executable, "-c", _ROUNDS], env={**os.environ, **variables}, check=True, capture_output=True, text=True
    )
    kept, faults = out.stdout.split()
    return kept == "True", int(faults)


def test_pages_are_cleared_once_and_not_in_every_round() -> None:
    kept, faults = _run({})
    assert kept
    assert faults < _PAGES / 2


@pytest.mark.parametrize(
    "variables",
    [{SWITCH: "1"}, {"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}],
)
def test_whoever_says_otherwise_has_the_last_word(variables: Mapping[str, str]) -> None:
    kept, faults = _run(variables)
    assert not kept
    assert faults > _PAGES / 2


def test_a_command_that_computes_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(devices, "keep_freed_memory", lambda: calls.append("kept"))
    devices.tell_device("cpu", quiet=True)
    assert calls == ["kept"]
