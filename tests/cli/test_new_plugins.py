"""A distribution of each kind, as `plugins new` writes it: it installs, keeps its contract, and is evaluated."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.errors import UsageError
from robusthash.scaffold import KINDS, blueprint, write

ROOT = Path(__file__).parents[2]
_CLI = "from robusthash.cli import main; main()"


def process(*command: str, site: Path | None = None, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs Python, with what is installed in a folder beside everything else."""
    paths = [str(path) for path in (site, ROOT) if path] + [os.environ.get("PYTHONPATH", "")]
    unset = {"ROBUSTHASH_PLUGINS", "ROBUSTHASH_PLUGIN_FILES"}
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=inherited | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_written_and_nothing_is_left_open(kind: str) -> None:
    plan = blueprint(f"my-{kind}", kind)
    names = {str(path) for path in plan.files}
    package = f"robusthash_my_{kind.replace('-', '_')}"
    assert names >= {"pyproject.toml", "README.md", ".github/workflows/tests.yml", f"{package}/plugin.py"}
    assert not [path for path, text in plan.files.items() if "@@" in text.replace("@@@", "")]
    project = tomllib.loads(next(text for path, text in plan.files.items() if path.name == "pyproject.toml"))
    assert list(project["project"]["entry-points"]["robusthash"].values()) == [f"{package}.plugin"]
    for path, text in plan.files.items():
        if path.suffix == ".py":
            compile(text, str(path), "exec")
            assert max(map(len, text.splitlines()), default=0) <= 120


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("My-Hinge", "bad name"),
        ("my_hinge", "bad name"),
        ("9lives", "bad name"),
        ("a--b", "bad name"),
        ("../escape", "bad name"),
        ("", "bad name"),
        ("class", "a word of Python"),
        ("attacks", "robusthash_attacks is installed already"),
    ],
)
def test_names_are_checked(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        blueprint(name, "attack")
    assert caught.value.hint


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(blueprint("mine", "attack"), tmp_path)
    (folder / "README.md").write_text("my own")
    assert run(["plugins", "new", "mine", "--kind", "metric", "--into", str(tmp_path)]) == 2
    assert "exists, and nothing is overwritten" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == "my own"


def test_the_prefix_of_a_name_may_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["plugins", "new", "robusthash-mine", "--kind", "attack", "--into", str(tmp_path), "--json"]
    assert run(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "mine"
    assert Path(told["folder"]).name == "robusthash-mine"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution of each kind, as written."""
    folder = tmp_path_factory.mktemp("written")
    for kind in KINDS:
        write(blueprint(f"my-{kind}", kind), folder)
    return folder


@pytest.fixture(scope="module")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, installed by pip, without a network."""
    site = tmp_path_factory.mktemp("site")
    sources = sorted(map(str, made.iterdir()))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    done = process("-m", "pip", "install", *options, *sources)
    if "No module named" in done.stderr and not list(site.iterdir()):
        pytest.skip(f"this environment cannot build distributions: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return site


@pytest.mark.slow
def test_each_passes_its_tests(made: Path, site: Path) -> None:
    tests = [str(path / "tests") for path in sorted(made.iterdir())]
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", os.devnull, f"--rootdir={made}"]
    done = process("-m", "pytest", *options, *tests, site=site, folder=made)
    assert done.returncode == 0, done.stdout
    assert len(tests) == len(KINDS)


@pytest.mark.slow
def test_all_are_on_the_leaderboard_at_once(site: Path, tmp_path: Path) -> None:
    """Dataset, model, backbone, both attacks, defense, retriever, metric, executor and observer, in one run."""
    doctor = process("-c", _CLI, "plugins", "doctor", "--imports", site=site)
    assert doctor.returncode == 0, doctor.stdout
    words = "--dataset my-dataset --model my-model --backbone my-backbone --defense my-defense --attack my-attack"
    words += " --attack my-gradient-attack --metric map --metric my-metric@r2 --retriever my-retriever"
    words += " --executor my-executor --queries 8 --bits 16 -o train.epochs=1 -o my-gradient-attack.steps=3"
    done = process("-c", _CLI, "eval", *words.split(), site=site, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"my-model 16 bit \+ my-defense", done.stdout)
    assert "my-attack" in done.stdout
    assert "my-gradient-attack" in done.stdout
    lines = [json.loads(line) for line in (tmp_path / "my-observer.jsonl").read_text().splitlines()]
    assert {line["attack"] for line in lines} == {"noise", "my-attack", "my-gradient-attack"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["defense", "observer"])
def test_an_installed_one_passes_plugins_test(site: Path, kind: str) -> None:
    done = process("-c", _CLI, "plugins", "test", f"robusthash-my-{kind}", "--json", site=site)
    assert done.returncode == 0, done.stdout + done.stderr
    (tested,) = json.loads(done.stdout)["tested"]
    assert tested["kind"] == kind
    assert tested["passed"] > 5
    assert tested["failed"] == []
