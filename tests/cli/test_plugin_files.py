"""A plugin that is a single file: `--plugin-file`, ROBUSTHASH_PLUGIN_FILES, and `plugins test` on it."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.errors import PluginError, UsageError
from robusthash.evaluation import Request, evaluate
from robusthash.host import PluginHost, PluginKind
from robusthash.testing.installed import Selection
from robusthash.testing.installed import run as run_tests

VARIABLE = "ROBUSTHASH_PLUGIN_FILES"

HINGE = """
from dataclasses import dataclass

from robusthash import hookimpl
from robusthash.adversary import GradientAttack
from robusthash.specs import AttackSpec, Capability, Goal


@hookimpl
def robusthash_attacks():
    yield AttackSpec(name="my-hinge", factory="my_attack:Hinge", summary="Margin hinge",
                     goals=frozenset({Goal.UNTARGETED}), needs=frozenset({Capability.GRADIENTS}))


@dataclass(frozen=True, kw_only=True)
class Hinge(GradientAttack):
    steps: int = 5  #: gradient steps
    margin: float = 1.0  #: how far on the aim's side a logit no longer counts

    def loss(self, logits, aim, progress):
        return (self.margin - logits * aim).clamp(min=0).mean(1)
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("ROBUSTHASH_PLUGINS", raising=False)
    path = tmp_path / "my_attack.py"
    path.write_text(HINGE)
    yield path
    sys.modules.pop("my_attack", None)


def test_a_file_is_loaded_and_named_by_its_content(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(file))
    found = PluginHost.load().find(PluginKind.ATTACK, "my-hinge")
    assert str(found.owner).startswith("file my_attack.py sha256-")
    assert PluginHost.load().find(PluginKind.ATTACK, "my_attack.py/my-hinge") == found
    file.write_text(HINGE + "\n# another content\n")
    again = PluginHost.load().find(PluginKind.ATTACK, "my-hinge")
    assert again.owner != found.owner
    assert again.full_name == found.full_name


def test_the_allow_list_is_for_what_is_installed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(file))
    monkeypatch.setenv("ROBUSTHASH_PLUGINS", "")
    assert [one.spec.name for one in PluginHost.load().all(PluginKind.ATTACK)] == ["my-hinge"]


@pytest.mark.usefixtures("cache")
def test_a_record_says_which_file_it_was(
    file: Path, small: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(file))
    setting = replace(small.setting, options={"train": small.setting.options["train"]})
    request = Request(models=small.models, attacks=("my-hinge",), setting=setting)
    digests = []
    for content in (HINGE, HINGE, HINGE + "\n"):
        file.write_text(content)
        outcome = evaluate(request, PluginHost.load(), results=tmp_path / "results")
        record = next(record for record in outcome.records if record.attack.name == "my-hinge")
        assert record.attack.owner.startswith("file my_attack.py sha256-")
        digests.append(record.digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        (
            "my_attack.py",
            "import no_such_module",
            PluginError,
            "file my_attack.py sha256-.* ModuleNotFound",
        ),
        ("my_attack.py", "x = 1", PluginError, "it implements no hook"),
        ("json.py", HINGE, PluginError, "another module is named json"),
        ("my-attack.py", HINGE, UsageError, "is not a Python module"),
        ("my_attack.txt", HINGE, UsageError, "is not a Python module"),
    ],
)
def test_a_file_that_was_asked_for_is_an_error_if_it_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, error: type[Exception], says: str
) -> None:
    (tmp_path / name).write_text(content)
    monkeypatch.setenv(VARIABLE, str(tmp_path / name))
    with pytest.raises(error, match=says):
        PluginHost.load()
    sys.modules.pop("my_attack", None)


def test_missing_and_equally_named_files_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = file.parent / "other"
    other.mkdir()
    (other / file.name).write_text(HINGE)
    monkeypatch.setenv(VARIABLE, os.pathsep.join([str(file), str(other / file.name)]))
    with pytest.raises(UsageError, match="two plugin files are named"):
        PluginHost.load()
    monkeypatch.setenv(VARIABLE, str(other / "gone.py"))
    with pytest.raises(UsageError, match="cannot read the plugin file"):
        PluginHost.load()


def test_the_option_holds_for_one_run(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--plugin-file", str(file), "plugins", "list"], ["plugins", "list", "--plugin-file", str(file)]):
        assert run(arguments) == 0
        assert "my-hinge" in capsys.readouterr().out
        assert VARIABLE not in os.environ
    assert run(["plugins", "list"]) == 0
    assert "my-hinge" not in capsys.readouterr().out
    assert run(["plugins", "list", "--plugin-file", str(file.parent / "gone.py")]) == 2


@pytest.mark.slow
def test_contracts_are_run_and_failures_are_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(HINGE.replace("(self.margin - logits * aim)", "-(self.margin - logits * aim)"))
    assert run(["plugins", "test", "my-hinge", "--plugin-file", str(file), "--declare", "turns_every_bit=no"]) == 1
    told = capsys.readouterr().out
    assert "attack my-hinge of file my_attack.py" in told
    assert "FAILED test_beats_noise" in told
    assert "promised: It moves the codes further than uniform noise" in told
    assert "assert 0.0 >" in told or ">" in told.partition("found:")[2].splitlines()[1]
    assert "tests failed" in told


@pytest.mark.slow
def test_a_plugin_that_ends_the_process_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(HINGE.replace("        return (self", "        import os; os._exit(3)\n        return (self"))
    monkeypatch.setenv(VARIABLE, str(file))
    with pytest.raises(PluginError, match="ended with exit code 3, before their report"):
        run_tests(Selection(name="my-hinge"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["my-hing"], 2, "did you mean"),
        (["strongest", "-o", "strongest.members=rnm,absent"], 5, "an ensemble of absent, not installed here"),
        (["rnm", "-o", "hinge.steps=3"], 2, "an option of 'hinge', which is not tested"),
        (["rnm", "--declare", "nothing=no"], 2, "no contract has the attribute 'nothing'"),
        (["rnm", "--declare", "beats_noise"], 2, "has no value"),
    ],
)
def test_what_cannot_be_tested_says_so(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    assert run(["plugins", "test", *arguments]) == code
    captured = capsys.readouterr()
    assert says in captured.out + captured.err


def test_the_doctor_makes_each_object(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTHASH_PLUGINS", "")
    broken = {
        "Can't instantiate abstract class Hinge": HINGE.replace("def loss", "def lose"),
        "is a Hinge, not a Attack": HINGE.replace("class Hinge(GradientAttack)", "class Hinge"),
        "does not fit its class": HINGE.replace('summary="Margin hinge"', 'summary="x", options={"marjin": 2}'),
    }
    for says, content in broken.items():
        file.write_text(content)
        assert run(["plugins", "doctor", "--imports", "--plugin-file", str(file)]) == 1
        assert says in capsys.readouterr().out
    file.write_text(HINGE)
    assert run(["plugins", "doctor", "--imports", "--plugin-file", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["imports"] == []
