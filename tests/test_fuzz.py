"""The short form of ``python tests/fuzz``: some inputs for every parser, so that the targets themselves stay sound."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzz"


@pytest.mark.slow
def test_no_parser_breaks(tmp_path: Path) -> None:
    command = [sys.executable, str(FUZZ), "--examples", "15"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 targets, 0 broken" in done.stdout


def test_a_broken_parser_is_told() -> None:
    command = [sys.executable, "-c", BROKEN, str(FUZZ)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ZeroDivisionError" in done.stdout
    assert "value='0'" in done.stdout


BROKEN = """
import sys
sys.path.insert(0, sys.argv.pop())
import runpy, types
from hypothesis import strategies as st
targets = types.ModuleType("targets")
class Target:
    inputs, found = st.text("01", min_size=1, max_size=3), ()
    def parse(self, value): return 1 // int(value)
targets.TARGETS, targets.Target = {"bad": Target()}, Target
sys.modules["targets"] = targets
sys.argv += ["--examples", "50"]
runpy.run_path(sys.path[0] + "/__main__.py", run_name="__main__")
"""
