"""The plugin in a real small project of its own: passes, fails, is inconclusive, alone and with xdist."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_robusthash.gate import Measured, Setup
from robusthash.errors import RobustHashWarning, UsageError
from robusthash.results import Against
from robusthash.results.gate import Undecided
from robusthash.testing.releases import BEFORE, Release, dropped

PROJECT = Path(__file__).parents[1]

CONFTEST = """
import os
import pytest

@pytest.fixture(scope="session")
def model():
    import torch
    import robusthash

    torch.manual_seed(0)
    layer = torch.nn.Linear(3 * 32 * 32, 16)
    with torch.no_grad():
        layer.weight[: int(os.environ.get("SPOILED", "0"))] = 0
    net = torch.nn.Sequential(torch.nn.Flatten(), layer)
    return robusthash.wrap(net, bits=16, image_size=32, name="release")
"""

TESTS = """
import json
import warnings
from pathlib import Path
import pytest

pytestmark = pytest.mark.robusthash(
    dataset="digits", image_size=32, queries=100, epsilons="4/255", allow=["RH010"]
)
BASELINE = Path(__file__).parent / "robusthash-baseline.json"

def test_passes(robusthash_gate, model):
    robusthash_gate(model).map("rnm", steps=10).at_least(0.1).at_most(1.0)

def test_fails(robusthash_gate, model):
    robusthash_gate(model).map("rnm", steps=10).at_least(0.99)

def test_clean(robusthash_gate, model):
    robusthash_gate(model).clean().at_least(0.1)

def test_drop(robusthash_gate, model):
    robusthash_gate(model).map("rnm", steps=10).drop_at_most(0.02)

def test_doubtful(robusthash_gate, model):
    found = robusthash_gate(model).map("rnm", steps=10)
    stored = json.loads(BASELINE.read_text())["cells"] if BASELINE.exists() else []
    before = next((cell["mean"] for cell in stored), found.value)
    found.drop_at_most(round(max(before - found.value, 0.0), 4))

"""

UNRELATED = "def test_unrelated():\n    assert True\n"


class Project:
    """A folder with tests that use the fixture, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tests = folder / "tests"
        self.tests.mkdir(parents=True)
        (self.tests / "conftest.py").write_text(CONFTEST)
        (self.tests / "test_release.py").write_text(TESTS)
        (self.tests / "test_other.py").write_text(UNRELATED)
        (folder / "pytest.ini").write_text(
            "[pytest]\naddopts = --strict-markers\nrobusthash_baseline = tests/robusthash-baseline.json\n"
        )
        # As the plugin is installed: pytest finds it by its entry point.
        info = folder / "site" / "pytest_robusthash-0.1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest-robusthash\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text("[pytest11]\nrobusthash = pytest_robusthash.plugin\n")

    def run(self, *arguments: str, spoiled: int = 0) -> tuple[int, str]:
        """Runs pytest in the project; its exit code and output."""
        paths = [str(self.folder / "site"), str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = {"PYTHONPATH": os.pathsep.join(paths), "SPOILED": str(spoiled), "PYTEST_ADDOPTS": ""}
        # Under tox, pytest keeps its cache in the environment's folder instead of the project's.
        inherited = {name: value for name, value in os.environ.items() if name != "TOX_ENV_DIR"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-rA", *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**inherited, **variables},
        )
        return done.returncode, done.stdout + done.stderr


def outcomes(output: str) -> dict[str, str]:
    """How each test ended."""
    lines = [line.split() for line in output.splitlines() if line.startswith(("PASSED ", "FAILED ", "ERROR "))]
    return {line[1].rpartition("::")[2]: line[0] for line in lines}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_project_passes_fails_and_is_inconclusive_as_it_should(
    tmp_path: Path, cache: Path, workers: tuple[str, ...]
) -> None:
    project = Project(tmp_path / "release")
    code, output = project.run(*workers)
    first = outcomes(output)
    assert code == 1, output
    assert first == {
        "test_passes": "PASSED",
        "test_fails": "FAILED",
        "test_clean": "PASSED",
        "test_drop": "PASSED",
        "test_doubtful": "PASSED",
        "test_unrelated": "PASSED",
    }
    assert "but the rule wants at least 0.99" in output
    assert "RobustHashWarning" in output
    assert "there is no baseline of digits, release 16 bit, rnm at 4/255: map" in output
    records = sorted((project.folder / ".pytest_cache" / "d" / "robusthash").rglob("rnm-*.json"))
    assert len(records) == 1  # one cell, whatever the number of tests and workers
    written = records[0].stat().st_mtime_ns

    code, output = project.run(*workers, "--robusthash-update-baseline", "-k", "drop")
    assert code == 0, output
    assert records[0].stat().st_mtime_ns == written  # it was stored, and not evaluated again
    cells = json.loads((project.tests / "robusthash-baseline.json").read_text())["cells"]
    assert [cell["victim"]["model"] for cell in cells] == ["release"]

    code, output = project.run(*workers, "-k", "drop or doubtful", spoiled=15)
    assert (code, outcomes(output)) == (1, {"test_drop": "FAILED", "test_doubtful": "FAILED"})
    assert "FAIL: digits, release 16 bit, rnm at 4/255: map" in output
    assert "INCONCLUSIVE: digits, release 16 bit, rnm at 4/255: map" in output
    assert "queries would decide" in output


def measured(folder: Path, values: tuple[float, ...], **changes: object) -> Measured:
    """A stored result as the fixture would give it."""
    release = Release().add(values)
    setup = Setup(
        **{
            "results": release.save(folder / f"results-{values[0]}"),
            "baseline": folder / "baseline.json",
            "update": False,
            "require": False,
            "undecided": Undecided.FAIL,
            **changes,
        }
    )
    return Measured(release.records, "map", Against.OWN, {}, setup, frozenset())


def test_a_drop_is_an_error_without_a_baseline_if_one_is_required(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no baseline of 1 cells"):
        measured(tmp_path, BEFORE, require=True).drop_at_most(0.02)


def test_what_an_inconclusive_drop_counts_as_is_chosen(tmp_path: Path) -> None:
    measured(tmp_path, BEFORE, update=True).drop_at_most(0.02)
    doubtful = dropped(0.022, spread=0.1)
    with pytest.raises(pytest.fail.Exception, match="INCONCLUSIVE: digits, dpsh 32 bit, rnm at 8/255: map"):
        measured(tmp_path, doubtful).drop_at_most(0.02)
    with pytest.warns(RobustHashWarning, match="queries would decide"):
        measured(tmp_path, doubtful, undecided=Undecided.PASS).drop_at_most(0.02)
    with pytest.raises(pytest.fail.Exception, match="FAIL"):
        measured(tmp_path, dropped(0.1)).drop_at_most(0.02)


@pytest.mark.parametrize("limit", [30, -0.1, float("nan"), True, "0.3"])
def test_a_limit_is_a_number_from_0_to_1(tmp_path: Path, limit: object) -> None:
    with pytest.raises(UsageError, match="pass a number from 0 to 1"):
        measured(tmp_path, BEFORE).at_least(limit)  # type: ignore[arg-type]


def test_the_marker_leaves_the_gates_out(tmp_path: Path) -> None:
    code, output = Project(tmp_path / "release").run("-m", "not robusthash")
    assert (code, outcomes(output)) == (0, {"test_unrelated": "PASSED"})


def test_pytest_starts_without_torch() -> None:
    program = "import sys, pytest_robusthash.plugin; print(sorted({'torch', 'numpy', 'robusthash'} & set(sys.modules)))"
    paths = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout.strip() == "[]"
