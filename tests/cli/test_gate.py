"""``robusthash gate``, ``robusthash baseline`` and ``robusthash eval --fail-under``, as a pipeline runs them."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from robusthash.cli import run
from robusthash.results import Flag
from robusthash.testing.releases import Release, dropped

RULES = """\
[tool.robusthash.gate]
baseline = "baseline.json"
rules = ["map[attack=rnm] drop <= 0.02"]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with rules, a first release in ``results``, and a second one, far worse, in ``worse``."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_text(RULES)
    Release().add().save(tmp_path / "results")
    Release().add(dropped(0.1, spread=0.05), weights="b2").save(tmp_path / "worse")
    Release().add(dropped(0.022, spread=0.1), weights="c3").save(tmp_path / "doubtful")
    return tmp_path


def test_the_life_of_a_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gate"]) == 0
    first = capsys.readouterr()
    assert "there is no baseline of digits" in first.out
    assert "first run: wrote baseline.candidate.json; to accept it, rename it to baseline.json" in first.err
    assert run(["gate", "--require-baseline"]) == 2
    assert "cannot read the baseline baseline.json" in capsys.readouterr().err
    (project / "baseline.candidate.json").rename(project / "baseline.json")
    assert run(["gate"]) == 0
    assert run(["gate", "worse"]) == 3
    assert run(["gate", "doubtful"]) == 4
    assert run(["gate", "doubtful", "--inconclusive", "pass"]) == 0
    assert run(["gate", "doubtful", "--inconclusive", "fail"]) == 3
    capsys.readouterr()
    assert run(["baseline", "update", "worse"]) == 0
    assert capsys.readouterr().out == "baseline.json: 1 cells\n"
    assert run(["gate", "worse"]) == 0
    assert run(["gate"]) == 0
    assert "the baseline of digits, dpsh 32 bit, rnm at 8/255: map is stale" in capsys.readouterr().out


def test_an_engineer_understands_a_failure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["baseline", "update"])
    capsys.readouterr()
    assert run(["gate", "worse"]) == 3
    out = capsys.readouterr().out
    assert out.startswith("FAIL: digits, dpsh 32 bit, rnm at 8/255: map | map[attack=rnm] drop <= 0.02\n")
    assert "map under attack fell by 0.1000, from 0.5" in out
    assert "more than the 0.02 that is allowed" in out
    assert "so chance does not explain it" in out
    assert out.endswith("gate failed: 1 of 1 check failed\n")


def test_a_baseline_is_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["baseline", "update"])
    capsys.readouterr()
    assert run(["baseline", "show", "baseline.json"]) == 0
    assert "rnm at 8/255" in capsys.readouterr().out
    assert run(["baseline", "show", "baseline.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["setting"]["attack"] == "rnm"


def test_all_reports_are_written_and_json_has_standard_output_to_itself(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["baseline", "update"])
    capsys.readouterr()
    reports = ["--junit", "gate.xml", "--sarif", "gate.sarif", "--markdown", "gate.md"]
    assert run(["gate", "worse", "--json", *reports]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"] == "fail"
    assert "gate failed" in captured.err
    assert ET.parse(project / "gate.xml").getroot().find("testsuite/testcase/failure") is not None  # noqa: S314
    sarif = json.loads((project / "gate.sarif").read_text())["runs"][0]["results"][0]
    location = sarif["locations"][0]["physicalLocation"]
    assert (location["artifactLocation"]["uri"], location["region"]["startLine"]) == ("pyproject.toml", 3)
    assert (project / "gate.md").read_text().startswith("## ❌ robusthash gate failed")


def test_github_is_told_without_being_asked(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["baseline", "update"])
    capsys.readouterr()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    (project / "summary.md").write_text("# Job\n")
    assert run(["gate", "worse"]) == 3
    assert "::error file=pyproject.toml,line=3,title=robusthash gate%3A fail::digits" in capsys.readouterr().err
    assert (project / "summary.md").read_text().startswith("# Job\n## ❌ robusthash gate failed")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "none" / "summary.md"))
    assert run(["gate", "worse"]) == 3
    assert "warning: no job summary" in capsys.readouterr().err


def test_reports_of_an_earlier_run_do_not_outlive_an_error(project: Path) -> None:
    assert run(["gate", "--junit", "gate.xml", "--sarif", "gate.xml"]) == 2
    assert run(["gate", "--junit", "gate.xml"]) == 0
    assert (project / "gate.xml").exists()
    assert run(["gate", "--junit", "gate.xml", "--fail-under", "map => 1"]) == 2
    assert not (project / "gate.xml").exists()


def test_no_results_and_no_rules_have_exit_codes_of_their_own(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "empty").mkdir()
    assert run(["gate", "empty"]) == 5
    assert "nothing selected: empty has no results" in capsys.readouterr().err
    assert run(["gate", "nowhere"]) == 2
    (project / "pyproject.toml").unlink()
    assert run(["gate"]) == 2
    assert "there are no rules" in capsys.readouterr().err


def test_a_file_that_cannot_be_judged_is_not_skipped(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It could be the result that would fail."""
    record = next((project / "results").rglob("*.json"))
    record.write_text(record.read_text().replace('"epsilon": 0.03', '"epsilon": 0.04'))
    assert run(["gate"]) == 2
    assert "cannot be judged" in capsys.readouterr().err


def test_values_that_are_missing_or_damaged_are_bad_input(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["baseline", "update"])
    arrays = next((project / "results").rglob("*.npz"))
    content = arrays.read_bytes()
    for damaged in (content[:-30], b"", content.replace(b"PK", b"KP")):
        arrays.write_bytes(damaged)
        assert run(["gate"]) == 2
        assert "cannot read adversarial/map" in capsys.readouterr().err
    arrays.unlink()
    assert run(["gate"]) == 2


def test_a_flag_is_allowed_by_name(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flag = Flag(id="RH005", message="0.10% of the elements were clipped by the guard")
    Release().add(flags=(flag,)).save(project / "flagged")
    rule = ["--fail-under", "map >= 0.1"]
    assert run(["gate", "flagged", *rule]) == 3
    assert "allow the check by name" in capsys.readouterr().out
    assert run(["gate", "flagged", *rule, "--allow", "RH005"]) == 0
    assert run(["gate", "flagged", *rule, "--allow", "clipping"]) == 2


def test_two_hundred_records_are_judged_without_torch_numpy_and_faiss(project: Path) -> None:
    """What the start takes is counted in modules, not in seconds; docs/gate.md has the seconds."""
    release = Release()
    for i in range(200):
        release.add(attack=f"attack-{i}")
    release.save(project / "many")
    program = """
import sys
from robusthash.cli import run

rules = ["--fail-under", "map drop <= 0.02", "--baseline", "many.json"]
assert run(["gate", "many", "--candidate", "many.json", *rules]) == 0
assert run(["gate", "many", "--require-baseline", *rules]) == 0
print(sorted({"torch", "numpy", "faiss", "rich"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["gate passed: 200 checks", "[]"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("map => 0.3", "column 5"),
        ("map drop <= 0.1", "an evaluation has none"),
        ("map[attack=strongst] >= 0.3", "did you mean 'strongest'?"),
        ("map[attack=hag] >= 0.3", "unknown attack of this evaluation 'hag'"),
        ("mpa >= 0.3", "did you mean 'map'?"),
        ("map[dataset=cifar10] >= 0.3", "unknown dataset of this evaluation"),
    ],
)
def test_a_wrong_rule_ends_an_evaluation_before_it_starts(
    project: Path, capsys: pytest.CaptureFixture[str], rule: str, said: str
) -> None:
    assert run(["eval", "--model", "dpsh", "--fail-under", rule]) == 2
    assert said in capsys.readouterr().err
    assert not (project / "results" / ".shards").exists()


def test_an_evaluation_with_rules_wants_every_plugin(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack whose plugin is broken could go missing unnoticed."""
    info = project / "site" / "broken_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[robusthash]\nmain = not_there_at_all\n")
    monkeypatch.syspath_prepend(project / "site")
    assert run(["eval", "--model", "dpsh", "--attack", "nothing", "--fail-under", "map >= 0.3"]) == 1
    assert "broken-plugin 1.0" in capsys.readouterr().err
    assert run(["eval", "--model", "dpsh", "--attack", "nothing"]) == 2  # a warning, and the next error


@pytest.mark.slow
def test_an_evaluation_ends_with_its_verdict(project: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["eval", "--model", "dpsh", "--attack", "rnm", "--queries", "20", "-o", "rnm.steps=5", "--quiet"]
    asked += ["-o", "train.epochs=3", "--results", "run"]
    assert run([*asked, "--fail-under", "map[stage=clean] >= 0.5"]) == 0
    assert "gate passed: 1 check" in capsys.readouterr().out
    assert run([*asked, "--fail-under", "map[attack=rnm] >= 0.99", "--json"]) == 3
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 2
    assert "gate failed: 1 of 1 check failed" in captured.err
    assert run(["gate", "run", "--fail-under", "map[attack=rnm] >= 0.99"]) == 3
