"""The command line's frame, in processes of their own: help, errors, exit codes, and the plugins command."""

import json
import subprocess
import sys
from typing import Any

import pytest

import robusthash

GOOD = """
from robusthash import hookimpl
from robusthash.specs import DefenseSpec

def __getattr__(name):
    if name != "Blur":
        raise AttributeError(name)
    from good_blur import Blur

    return Blur

@hookimpl
def robusthash_defenses():
    yield DefenseSpec(
        name="blur", factory="good:Blur", summary="Blurs [all] it sees", paper="Someone 2020", options={"width": 5}
    )
"""

BLUR = """
from dataclasses import dataclass
from robusthash.contracts import Defense

@dataclass(frozen=True, kw_only=True)
class Blur(Defense):
    width: int = 3  #: of the window, in [pixels]
    strength: float | None = None

    def harden(self, model, context):
        return model
"""

BROKEN = "import no_such_module_anywhere"

HEAVY = "torch", "numpy", "faiss", "sklearn"


def robusthash_command(site: Any, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as installed; other plugins of this environment stay out unless a test asks for them."""
    code = "import sys; from robusthash.cli import main; sys.argv[0] = 'robusthash'; main()"
    environment = site.environment(**{"ROBUSTHASH_PLUGINS": "good", **variables})
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def good(site: Any) -> Any:
    """A site with one healthy plugin."""
    site.install("good", GOOD)
    (site.folder / "good_blur.py").write_text(BLUR)
    return site


@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "list"], ["plugins", "--help"], ["--version"]])
def test_the_start_imports_nothing_heavy(good: Any, arguments: list[str]) -> None:
    code = (
        "import sys; from robusthash.cli import run; code = run(sys.argv[1:]); "
        f"print(sorted({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=good.environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"
    assert done.stdout


def test_help_of_the_whole_imports_no_command(good: Any) -> None:
    code = (
        "import sys; from robusthash.cli import run; run(['--help']); "
        "print([name for name in sys.modules if name.startswith('robusthash.cli.')], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=good.environment(), capture_output=True, text=True, check=True
    )
    assert "leaderboard" in done.stdout
    assert "robusthash.cli.lazy" in done.stderr
    assert "robusthash.cli.commands.plugins" not in done.stderr
    assert "robusthash.cli.commands.eval" not in done.stderr


def test_list(good: Any) -> None:
    done = robusthash_command(good, "plugins", "list", "--kind", "defense")
    assert (done.returncode, done.stderr) == (0, "")
    heading, row = done.stdout.strip().splitlines()
    assert heading.split() == ["defenses", "from", "what", "paper"]
    assert row.split("  ")[0] == "blur"
    assert "good 1.2" in row
    assert "Blurs [all] it sees" in row
    assert "Someone 2020" in row


def test_list_as_json(good: Any) -> None:
    done = robusthash_command(good, "plugins", "list", "--json")
    everything = {(one["kind"], one["full_name"]): one for one in json.loads(done.stdout)}
    assert ("retriever", "robusthash/torch") in everything
    assert everything["defense", "good/blur"] == {
        "kind": "defense",
        "name": "blur",
        "full_name": "good/blur",
        "distribution": "good",
        "version": "1.2",
        "summary": "Blurs [all] it sees",
        "paper": "Someone 2020",
    }


def test_show(good: Any) -> None:
    done = robusthash_command(good, "plugins", "show", "blur")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "defense blur: Blurs [all] it sees"
    assert "  from: good 1.2" in lines
    (width,) = (line.split(maxsplit=2) for line in lines if line.startswith("width"))
    assert width[:2] == ["width", "5"]
    assert width[2].rstrip().endswith("of the window, in [pixels]")
    assert "set with: -o blur.width=5" in lines


def test_show_as_json(good: Any) -> None:
    done = robusthash_command(good, "plugins", "show", "good/blur", "--json", "--kind", "defense")
    (shown,) = json.loads(done.stdout)
    assert shown["factory"] == "good:Blur"
    assert [(one["name"], one["type"], one["default"]) for one in shown["options"]] == [
        ("width", "whole number", 5),
        ("strength", "number or none", None),
    ]


def test_a_broken_plugin_is_one_warning(good: Any) -> None:
    good.install("broken-one", BROKEN, version="0.7")
    done = robusthash_command(good, "plugins", "list", ROBUSTHASH_PLUGINS="good,broken-one")
    assert done.returncode == 0
    assert "blur" in done.stdout
    assert done.stderr == (
        "warning: not loaded: entry point 'main' of broken-one 0.7 was to be loaded, and raised ModuleNotFoundError: "
        "No module named 'no_such_module_anywhere' (broken_one.py, line 1); see robusthash plugins doctor\n"
    )


@pytest.mark.parametrize(
    "arguments", [["--strict-plugins", "plugins", "list"], ["plugins", "list", "--strict-plugins"]]
)
def test_strict_plugins_is_one_error_wherever_it_stands(good: Any, arguments: list[str]) -> None:
    good.install("broken-one", BROKEN, version="0.7")
    done = robusthash_command(good, *arguments, ROBUSTHASH_PLUGINS="good,broken-one")
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: not loaded: entry point 'main' of broken-one 0.7")
    assert hint.startswith("hint: ")


def test_doctor(good: Any) -> None:
    healthy = robusthash_command(good, "plugins", "doctor", "--imports", ROBUSTHASH_PLUGINS="good")
    assert "loaded: good 1.2: 1 defense\n" in healthy.stdout
    assert "no problems found" in healthy.stdout
    assert healthy.returncode == 0

    good.install("broken-one", BROKEN, version="0.7")
    good.install("twin", GOOD)
    sick = robusthash_command(good, "plugins", "doctor", ROBUSTHASH_PLUGINS="good,broken-one,twin")
    assert (sick.returncode, sick.stderr) == (1, "")
    assert f"robusthash {robusthash.__version__}, plugin interface 1.0" in sick.stdout
    assert "problem: not loaded: entry point 'main' of broken-one 0.7" in sick.stdout
    assert "    Traceback (most recent call last)" in sick.stdout
    assert "warning: defense 'blur' has several owners: write good/blur or twin/blur" in sick.stdout

    twins = robusthash_command(good, "plugins", "doctor", "--json", ROBUSTHASH_PLUGINS="good,twin")
    assert twins.returncode == 0
    diagnosis = json.loads(twins.stdout)
    assert diagnosis["duplicates"] == [["good/blur", "twin/blur"]]
    assert "broken-one 0.7" in diagnosis["excluded"]


def test_doctor_tries_imports_on_request(good: Any) -> None:
    good.install("hollow", GOOD.replace("good:Blur", "hollow:Missing"))
    sleepy = robusthash_command(good, "plugins", "doctor", ROBUSTHASH_PLUGINS="hollow")
    awake = robusthash_command(good, "plugins", "doctor", "--imports", ROBUSTHASH_PLUGINS="hollow")
    assert (sleepy.returncode, awake.returncode) == (0, 1)
    assert "problem: defense 'blur' of hollow 1.2 was to be imported from hollow:Missing" in awake.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["plugin"], "unknown command 'plugin'", "did you mean 'plugins'? known: attack, "),
        (["plugins", "lst"], "No such command 'lst'", "robusthash plugins --help"),
        (["--versoin"], "No such option '--versoin'. Did you mean '--version'?", "robusthash --help"),
        (["plugins", "list", "--knd", "x"], "No such option '--knd'. Did you mean", "robusthash plugins list --help"),
        (["plugins", "show", "blurr"], "unknown plugin object 'blurr'", "did you mean 'blur'?"),
        (["plugins", "show", "blur", "--kind", "attack"], "unknown attack 'blur'", "no attack is installed"),
    ],
)
def test_bad_usage_is_two_lines_and_ends_with_2(good: Any, arguments: list[str], error: str, hint: str) -> None:
    done = robusthash_command(good, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"error: {error}")
    assert second.startswith(f"hint: {hint}")


def test_nothing_asked_is_answered_with_help(good: Any) -> None:
    done = robusthash_command(good)
    assert (done.returncode, done.stdout) == (2, "")
    assert "leaderboard" in done.stderr


def test_unknown_name_in_the_allow_list(good: Any) -> None:
    done = robusthash_command(good, "plugins", "list", ROBUSTHASH_PLUGINS="goood")
    assert done.returncode == 2
    assert "unknown plugin 'goood' in ROBUSTHASH_PLUGINS" in done.stderr
    assert "did you mean 'good'?" in done.stderr


CRASH = """
import sys
from robusthash.cli import entry, run
from robusthash.cli.commands.plugins import command

@command.command("crash")
def crash():
    {body}

sys.exit(run(sys.argv[1:]))
"""


def crash(site: Any, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CRASH.format(body=body), *(arguments or ("plugins", "crash"))],
        env=site.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unexpected_exception_is_one_line_unless_debugged(site: Any) -> None:
    done = crash(site, "raise KeyError('secret\\nline')")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        r"error: internal error: KeyError: 'secret\nline'",
        "hint: run again with --debug for the traceback",
    ]
    debugged = crash(site, "raise KeyError('secret')", "--debug", "plugins", "crash")
    assert debugged.returncode == 1
    assert "Traceback (most recent call last)" in debugged.stderr
    assert debugged.stderr.splitlines()[-1] == "error: internal error: KeyError: 'secret'"
    late = crash(site, "raise KeyError('secret')", "plugins", "crash", "--debug")
    assert "Traceback (most recent call last)" in late.stderr


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("raise KeyboardInterrupt", 130),
        ("import click; click.get_current_context().exit(4)", 4),
        ("from robusthash.errors import StorageError; raise StorageError('full', hint='make room')", 1),
        ("from robusthash.errors import DatasetError; raise DatasetError('gone')", 2),
    ],
)
def test_exit_codes(site: Any, body: str, code: int) -> None:
    done = crash(site, body)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_crash(site: Any) -> None:
    body = "import click; [click.echo('x' * 1000) for _ in range(1000)]"
    with subprocess.Popen(
        [sys.executable, "-c", CRASH.format(body=body), "plugins", "crash"],
        env=site.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (141, "")
