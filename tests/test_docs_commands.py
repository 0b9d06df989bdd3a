"""Every command in the documentation: it is parsed as written, and run as far as to where computing would begin."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
import numpy as np
import pytest

import robusthash.evaluation
from robusthash.cli import group
from robusthash.cli.input.session import Session
from robusthash.errors import RobustHashError
from robusthash.host.files import FILES_VARIABLE
from robusthash.results import QueryArrays, ResultStore, ScoreKey
from robusthash.testing.records import make_record
from tests.test_docs import PAGES, ROOT, files_told

_LINE = re.compile(r"^[ ]*(?:\$ |- run: |- )?(?P<command>(?:[A-Z_]+=\S+ )*robusthash(?: .*)?)$")
_INLINE = re.compile(r"`robusthash (?P<rest>[^`]*--[^`]*)`")
_PLACEHOLDER = re.compile(r"\.\.\.|\[(?:OPTIONS|RESULTS|FILE)\]|COMMAND|@\w+@")
_COMPUTING = ("evaluate", "train_victim", "harden_victim", "attack_images", "rescore", "hash_items", "search")
_FILES = re.compile(r"[\w./~-]*(?:\.(?:safetensors|toml|json|pth|py|tar\.gz)|/)[\w./-]*|FILE|FOLDER|DIR|photographs")


class Computing(Exception):
    """The command has begun to compute: all of its arguments are right."""


def commands(page: Path) -> Iterator[tuple[str, bool]]:
    """The commands on a page, with the variables of the page filled in, and whether each is a line of its own."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    variables = dict(re.findall(r'^([A-Z]+)="([^"]*)"$', text, re.MULTILINE))

    def filled(command: str) -> str:
        return re.sub(r"\$\{?([A-Z]+)\}?", lambda match: variables.get(match[1], match[0]), command)

    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        match = _LINE.match(line) if fenced or line.startswith("    ") else None
        if match and not _PLACEHOLDER.search(match["command"]):
            yield filled(match["command"]), True
        for inline in _INLINE.finditer(line):
            if not _PLACEHOLDER.search(inline["rest"]):
                yield filled(f"robusthash {inline['rest']}"), False


def words(command: str) -> list[str]:
    """The arguments as a shell passes them, up to a pipe or a redirection."""
    found = shlex.split(command.split(" && ")[0].split(" | ")[0].split(" > ")[0], comments=True)
    return found[found.index("robusthash") + 1 :]


EVERY = [
    pytest.param(page, command, whole, id=f"{page.relative_to(ROOT)}: {command}"[:120])
    for page in (ROOT / "README.md", *PAGES)
    for command, whole in dict.fromkeys(commands(page))
]


@pytest.fixture(autouse=True)
def no_plugin_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a command names are forgotten after it."""
    monkeypatch.setenv(FILES_VARIABLE, "")


def test_there_are_commands() -> None:
    assert len(EVERY) > 100


@pytest.mark.parametrize(("page", "command", "whole"), EVERY)
def test_a_command_is_parsed(page: Path, command: str, *, whole: bool) -> None:
    """Inside a sentence a command may leave out what it needs, but what it says is right."""
    try:
        context = group.make_context("robusthash", words(command), obj=Session())
    except click.exceptions.Exit:  # --help
        return
    rest: list[str] = [*context._protected_args, *context.args]
    part: click.Command = group
    while isinstance(part, click.Group) and rest:
        name, found, rest = part.resolve_command(context, rest)
        assert found is not None, name
        part = found
        try:
            context = part.make_context(name, list(rest), parent=context)
        except click.MissingParameter:
            assert not whole
            return
        except (click.exceptions.NoArgsIsHelpError, click.exceptions.Exit):  # --help
            return
        rest = [*context._protected_args, *context.args] if isinstance(part, click.Group) else []


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the pages assume one: results, and the files that the pages tell to write."""
    folder = tmp_path_factory.mktemp("reader")
    store = ResultStore(folder / "results")
    for attack in ("rnm", "hag", "strongest"):
        arrays = QueryArrays(scores={ScoreKey(stage, "map"): np.zeros(2) for stage in ("clean", "adversarial")})
        store.save(make_record(attack=attack), arrays)
    for page in ("quickstart.md", "plugins/index.md"):
        for name, text in files_told(page).items():
            (folder / name).write_text(text)
    return folder


_RUN = ("eval", "train", "harden", "attack", "hash", "search", "rescore", "leaderboard")
#: Whole commands. Those of a plugin that the reader is to write are run by the test of the tutorial.
RUN = [one for one in EVERY if one.values[2] and words(str(one.values[1]))[0] in _RUN and " my-" not in one.values[1]]


@pytest.mark.parametrize(("page", "command", "whole"), RUN)
def test_a_command_runs_as_far_as_to_computing(
    page: Path, command: str, *, whole: bool, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*_arguments: Any, **_more: Any) -> NoReturn:
        raise Computing

    monkeypatch.chdir(stand_in)
    for name in _COMPUTING:
        monkeypatch.setattr(robusthash.evaluation, name, compute)
    try:
        group.main(words(command), prog_name="robusthash", obj=Session(), standalone_mode=False)
    except Computing:
        return
    except RobustHashError as error:
        refused = error
    else:
        assert words(command)[0] == "leaderboard"
        return
    # A file of the reader's own is all that may be missing, and then it is what the command names.
    named = [word for word in _FILES.findall(command) if word in refused.message]
    assert named, f"{refused.message} ({refused.hint})"
