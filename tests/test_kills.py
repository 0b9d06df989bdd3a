"""The short form of ``python tests/kills``: some kills and a round of concurrent runs lose and leave nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parent / "kills"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="it looks for processes where Linux tells them")
def test_kills_and_concurrent_runs_lose_nothing_and_leave_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(KILLS), "--kills", "8", "--rounds", "1", "--workers", "1", "--folder", str(tmp_path)]
    command += ["--jobs", "cells,ensemble,again,rescore"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 kills" in done.stdout.replace("4 kills at calls, 4 kills at random", "8 kills")
    assert "0 faults" in done.stdout
