"""The GitHub Action, the example workflow and the GitLab snippet: valid, and run as they stand."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from robusthash.testing.releases import Release, dropped

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action.yml"
WORKFLOW = ROOT / "docs" / "ci" / "github.yml"
SUBMISSIONS = ROOT / "docs" / "ci" / "submissions.yml"
GITLAB = ROOT / "docs" / "ci" / "gitlab.yml"


def load(path: Path) -> dict[str, Any]:
    """A YAML file in which ``on`` is a word, as GitHub reads it."""
    content: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in content.items()}


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        (ACTION, "github-actions"),
        (WORKFLOW, "github-workflows"),
        (SUBMISSIONS, "github-workflows"),
        (GITLAB, "gitlab-ci"),
    ],
)
def test_it_is_valid(path: Path, schema: str) -> None:
    """Against the schemas of SchemaStore, as check-jsonschema has them."""
    jsonschema = pytest.importorskip("jsonschema")
    try:
        vendor = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor")
    except PackageNotFoundError:
        pytest.skip("check-jsonschema, which has the schemas, is not installed")
    rules = json.loads(Path(str(vendor), f"{schema}.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(rules)(rules)
    content = load(path)
    assert [error.message for error in validator.iter_errors(content)] == []
    broken = {key: value for key, value in content.items() if key not in ("runs", "jobs", "robustness")}
    assert list(validator.iter_errors({**broken, "runs": 3, "jobs": 3, "robustness": 3}))


def test_the_action_uses_only_what_it_declares() -> None:
    text, content = ACTION.read_text(), load(ACTION)
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(content["inputs"])
    steps = content["runs"]["steps"]
    assert set(re.findall(r"steps\.([\w-]+)", text)) <= {step.get("id") for step in steps}
    for step in steps:
        assert ("uses" in step) != ("run" in step)
        if "run" in step:  # a script with an expression in it would run what a pull request is called
            assert step["shell"] == "bash"
            assert "${{" not in step["run"]


def test_the_workflow_gives_the_action_only_what_it_takes() -> None:
    step = next(one for one in load(WORKFLOW)["jobs"]["gate"]["steps"] if "/robusthash@" in one["uses"])
    inputs = load(ACTION)["inputs"]
    assert set(step["with"]) <= set(inputs)
    assert {name for name, one in inputs.items() if one.get("required")} <= set(step["with"])


STUB = """#!/bin/sh
if [ "$1" = gate ]; then exec {python} -m robusthash "$@"; fi
echo "$@" > called
"""


class Job:
    """A job that runs the action's own scripts, with a model that has been evaluated already."""

    def __init__(self, folder: Path) -> None:
        import sys

        self.folder = folder
        (folder / "pyproject.toml").write_text('[tool.robusthash.gate]\nrules = ["map drop <= 0.02"]\n')
        bin_ = folder / "bin"
        bin_.mkdir()
        for name in ("robusthash", "python"):
            (bin_ / name).write_text(STUB.format(python=sys.executable))
            (bin_ / name).chmod(0o755)

    def step(self, name: str, **inputs: str) -> tuple[int, str]:
        """Runs one step as GitHub does: the inputs' expressions are replaced in its environment."""
        content = load(ACTION)
        step = next(one for one in content["runs"]["steps"] if one.get("name") == name)
        values = {key: one.get("default", "") for key, one in content["inputs"].items()} | inputs
        own = {key: self._filled(value, values) for key, value in step.get("env", {}).items()}
        github = {"GITHUB_OUTPUT": str(self.folder / "output"), "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={
                **os.environ,
                **own,
                **github,
                "GITHUB_ACTIONS": "true",
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            },
        )
        return done.returncode, done.stdout + done.stderr

    @staticmethod
    def _filled(value: str, inputs: Mapping[str, str]) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], value)

    def outputs(self) -> dict[str, str]:
        """What the last gate told the workflow."""
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_the_steps_evaluate_with_the_arguments_as_a_shell_reads_them(job: Job) -> None:
    code, output = job.step("Evaluate", eval="--model 'my model.safetensors' -o train.epochs=3")
    assert code == 0, output
    called = (job.folder / "called").read_text().split("\n")[0]
    assert called.startswith("--strict-plugins eval --model my model.safetensors -o train.epochs=3 --results")
    code, output = job.step("Evaluate", eval="--model '$(touch hacked)' `touch hacked` $HOME")
    assert code == 0, output
    assert not (job.folder / "hacked").exists()
    assert "--model $(touch hacked) `touch hacked` $HOME" in (job.folder / "called").read_text()
    code, output = job.step("Install")
    assert (job.folder / "called").read_text() == "-m pip install robusthash[cpu]\n"


def test_the_gate_of_the_action_passes_fails_and_is_inconclusive(job: Job) -> None:
    results = job.folder / ".robusthash" / "results"
    Release().add().save(results)
    code, output = job.step("Gate")
    assert code == 0, output
    assert job.outputs() == {"exit-code": "0", "verdict": "pass"}
    report = job.folder / ".robusthash" / "report"
    assert sorted(path.name for path in report.iterdir()) == [
        "candidate.json",
        "gate.sarif",
        "gate.xml",
        "verdict.json",
    ]
    (report / "candidate.json").rename(job.folder / "robusthash-baseline.json")

    for values, verdict, expected in (
        (dropped(0.1, spread=0.05), "fail", 3),
        (dropped(0.022, spread=0.1), "inconclusive", 4),
    ):
        subprocess.run(["rm", "-r", str(results)], check=True)
        Release().add(values, weights="b2").save(results)
        code, output = job.step("Gate")
        assert (code, job.outputs()) == (expected, {"exit-code": str(expected), "verdict": verdict})
        assert json.loads((report / "verdict.json").read_text())["verdict"] == verdict
        assert "::error file=pyproject.toml,line=2," in output
    assert job.step("Gate", inconclusive="pass")[0] == 0
    assert "## ❌ robusthash gate failed" in (job.folder / "summary.md").read_text()


def test_a_gate_that_cannot_judge_says_so(job: Job) -> None:
    Release().add().save(job.folder / ".robusthash" / "results")
    code, output = job.step("Gate", **{"require-baseline": "true"})
    assert (code, job.outputs()) == (2, {"exit-code": "2", "verdict": ""})
    assert "cannot read the baseline" in output


def test_the_commands_of_the_snippet_are_commands(job: Job) -> None:
    import click

    from robusthash.cli import group

    lines = [line for line in load(GITLAB)["robustness"]["script"] if line.startswith("robusthash")]
    assert len(lines) == 2
    for line in lines:
        words = [word for word in line.split()[1:] if word != "--strict-plugins"]
        command = group.get_command(click.Context(group), words[0])
        assert command is not None
        command.make_parser(click.Context(command)).parse_args(words[1:])


@pytest.mark.parametrize("path", [WORKFLOW, GITLAB])
def test_the_page_shows_the_files_that_are_tested(path: Path) -> None:
    assert f"```yaml\n{path.read_text().rstrip()}\n```" in (ROOT / "docs" / "gate.md").read_text()
