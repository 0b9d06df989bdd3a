"""Completion in shells: names of plugins without torch, in a real bash, installed once and for all."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from robusthash.cli import group, run
from robusthash.cli.input.names import OneOf, PluginName
from robusthash.cli.input.shells import SHELLS, script

PROGRAM = "import sys; from robusthash.cli import main; sys.argv[0] = 'robusthash'; main()"
#: Options that name a plugin, in the commands that do not select records by patterns.
KINDS = {"model", "attack", "surrogate", "defense", "dataset", "backbone", "retriever", "metric", "executor"}


def completed(words: str, **environment: str) -> tuple[list[str], str]:
    """What a shell is answered, after words of which the last is unfinished; and all that was imported."""
    asked = {"_ROBUSTHASH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", PROGRAM],
        env={**os.environ, **asked, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("robusthash c", {"plain,compare", "plain,config", "plain,completion", "plain,curve"}),
        ("robusthash eval --attack rn", {"plain,rnm", "plain,rnm-p2s"}),
        ("robusthash eval --model phas", {"plain,phash"}),
        ("robusthash harden cga", {"plain,cgat"}),
        ("robusthash eval --defense no", {"plain,none"}),
        ("robusthash rescore --metric ma", {"plain,map"}),
        ("robusthash eval -o rnm-p2", {"plain,rnm-p2p.", "plain,rnm-p2s."}),
        ("robusthash eval -o defense:f", {"plain,defense:fpad."}),
        ("robusthash train -o tra", {"plain,train."}),
        ("robusthash eval --device c", {"plain,cpu", "plain,cuda"}),
        ("robusthash search --direction t", {"plain,t2i", "plain,t2t"}),
        ("robusthash eval --model ./ne", {"file,"}),
        ("robusthash eval --results re", {"dir,re"}),
        ("robusthash train --output mo", {"file,mo"}),
        ("robusthash plugins show digi", {"plain,digits"}),
        ("robusthash eval --shard", {"plain,--shard-size"}),
    ],
)
def test_what_may_come_next(words: str, some: set[str]) -> None:
    found, imports = completed(words)
    assert some <= set(found)
    assert all(one.partition(",")[2].startswith(words.split()[-1]) or one == "file," for one in found)
    for heavy in ("torch", "numpy", "faiss", "rich"):
        assert f"| {heavy}\n" not in imports


def test_nothing_is_printed_into_the_line_if_plugins_cannot_be_looked_up() -> None:
    found, _ = completed("robusthash eval --attack rn", ROBUSTHASH_PLUGINS="no-such-plugin")
    assert found == []


def commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            assert part is not None
            yield from commands(part, f"{path} {name}".strip())


def test_every_option_that_names_a_plugin_completes_it() -> None:
    checked = set()
    for path, command in commands(group):
        for one in command.params:
            name = one.opts[-1].removeprefix("--")
            if isinstance(one, click.Option) and name in KINDS and one.metavar not in {"PATTERN", "FILE.py:BUILD"}:
                assert isinstance(one.type, PluginName), f"{path} --{name}"
                checked.add(name)
            if one.metavar and "|" in one.metavar and one.metavar.replace("|", "").islower():
                assert isinstance(one.type, OneOf | click.Choice) or "/" in one.metavar, f"{path} --{name}"
    assert checked == KINDS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with the command on the path."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "robusthash"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m robusthash "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_bash_completes_after_the_installation(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rc = home / ".bashrc"
    rc.write_bytes(b"# mine \xff\nalias l=ls")
    assert run(["completion", "install", "--shell", "bash"]) == 0
    assert "one line is added" in capsys.readouterr().out
    content = rc.read_bytes()
    assert content.startswith(b"# mine \xff\nalias l=ls\n")
    assert content.count(b"\n") == 3
    assert run(["completion", "install", "--shell", "bash"]) == 0
    assert "has the line already" in capsys.readouterr().out
    assert rc.read_bytes() == content
    typed = "COMP_WORDS=(robusthash eval --model dps); COMP_CWORD=3; _robusthash_completion robusthash"
    told = subprocess.run(
        ["bash", "-c", f'. ~/.bashrc; {typed}; echo "${{COMPREPLY[@]}}"'], capture_output=True, text=True, check=True
    )
    assert {"dpsh", "dpsh/cgat"} <= set(told.stdout.split())
    assert not told.stderr


def test_a_link_to_the_file_of_the_shell_stays_one(home: Path) -> None:
    (home / "dotfiles").write_text("# kept\n")
    (home / ".zshrc").symlink_to("dotfiles")
    assert run(["completion", "install", "--shell", "zsh"]) == 0
    assert (home / ".zshrc").is_symlink()
    assert (home / "dotfiles").read_text().startswith("# kept\n[ -r ")


def test_an_installation_elsewhere_replaces_the_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["completion", "install", "--shell", "bash"]) == 0
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "a b"))
    assert run(["completion", "install", "--shell", "bash"]) == 0
    (line,) = (home / ".bashrc").read_text().splitlines()
    assert str(home / "a b" / "robusthash" / "completion.bash") in line
    shell = ["bash", "-c", ". ~/.bashrc; complete -p robusthash"]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert "_robusthash_completion" in done.stdout


def test_fish_reads_its_folder(home: Path) -> None:
    assert run(["completion", "install", "--shell", "fish"]) == 0
    file = home / ".config" / "fish" / "completions" / "robusthash.fish"
    assert "complete --no-files --command robusthash" in file.read_text()


@pytest.mark.parametrize(("shell", "what"), [("/bin/tcsh", "the shell 'tcsh'"), ("", "$SHELL does not say")])
def test_a_shell_without_completion_is_told(
    shell: str, what: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", shell)
    assert run(["completion", "install"]) == 2
    err = capsys.readouterr().err
    assert what in err
    assert "--shell bash, zsh or fish" in err
    assert not list(home.glob(".*rc"))


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_of_the_shell(shell: str, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text(script(group, shell))
    assert "_ROBUSTHASH_COMPLETE" in file.read_text()
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(file)], check=True)
