"""Every command in the documentation: it is parsed as written, and run as far as to where computing would begin."""

import itertools
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
import numpy as np
import pytest
import torch

import robusthash.evaluation
from robusthash.cli import group
from robusthash.cli.input.session import Session
from robusthash.cli.output import devices
from robusthash.errors import RobustHashError
from robusthash.host.files import FILES_VARIABLE
from robusthash.results import Against, QueryArrays, ResultStore, ScoreKey
from robusthash.results.records.arrays import TRACE
from robusthash.testing.records import make_record
from tests.test_docs import PAGES, ROOT, files_told

_LINE = re.compile(r"^[ ]*(?:\$ |- run: |- )?(?P<command>(?:[A-Z_]+=\S+ )*robusthash(?: .*)?)$")
_INLINE = re.compile(r"`robusthash (?P<rest>[^`]*--[^`]*)`")
_PLACEHOLDER = re.compile(r"\.\.\.|\[(?:OPTIONS|RESULTS|FILE)\]|COMMAND|@\w+@")
_COMPUTING = (
    *("evaluate", "train_victim", "harden_victim", "attack_queries", "fit_attack", "rescore"),
    *("hash_items", "search", "score_files", "evaluate_part", "certify"),
)
_FILES = re.compile(
    r"[\w./~-]*(?:\.(?:safetensors|npy|toml|json|pth|py|tar\.gz)|/)[\w./-]*|FILE|FOLDER|DIR|photographs"
)


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
@pytest.mark.usefixtures("reader")  # a configuration file is read while its command is parsed
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


_DIGEST = re.compile(r"(?<![\w.-])[0-9a-f]{6,12}(?![\w.-])|\bDIGEST\b")  #: of a record of the reader's
#: Pages that tell to write files.
_WRITTEN = (
    *("quickstart.md", "configuration.md", "plugins/index.md"),
    *("howto/compare-releases.md", "howto/papers-table.md"),
)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the pages assume one: results, and the files that the pages tell to write."""
    folder = tmp_path_factory.mktemp("reader")
    store = ResultStore(folder / "results")
    for attack, epsilon in itertools.product(("rnm", "hag", "strongest"), (2 / 255, 8 / 255)):
        record = make_record(attack=attack, epsilon=epsilon, qualities=(75,))
        count = record.dataset.queries
        scores = {
            ScoreKey(stage, name): np.full(count, measured[Against.OWN][name].value)
            for stage, measured in record.outcome.metrics.items()
            for name in record.scoring.protocols
        }
        store.save(record, QueryArrays(scores=scores, columns={TRACE: np.zeros((count, 3), np.int64)}))
    for name in ("base", "seed0", "seed1", ".robusthash/results"):
        shutil.copytree(folder / "results", folder / name)
    for page in _WRITTEN:
        for name, text in files_told(page).items():
            (folder / name).write_text(text)
    (folder / "pyproject.toml").write_text(f"[tool.robusthash.gate]\n{(folder / 'gate.toml').read_text()}")
    return folder


@pytest.fixture
def reader(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, where the reader is."""
    monkeypatch.chdir(stand_in)
    monkeypatch.setenv("HOME", str(stand_in))
    return stand_in


def run(command: str, reader: Path) -> tuple[int, RobustHashError | None]:
    """A command's exit code, and the error that ended it; the digests in it are those of the reader's records."""
    records = iter(ResultStore(reader / "results").load_all()[0])
    command = _DIGEST.sub(lambda _: next(records).digest[:12], command)
    try:
        code = group.main(words(command), prog_name="robusthash", obj=Session(), standalone_mode=False)
    except RobustHashError as error:
        return error.exit_code, error
    return (code if isinstance(code, int) else 0), None


def assert_only_files_are_missing(command: str, error: RobustHashError | None) -> None:
    """A file of the reader's own is all that may be missing, and then it is what the command names."""
    if error is not None:
        named = [word for word in _FILES.findall(command) if word.removeprefix("~") in error.message]
        assert named, f"{error.message} ({error.hint})"


_COMPUTE = ("eval", "train", "harden", "fit", "attack", "hash", "search", "score", "rescore")
#: Commands that compute nothing. Those that download are left out.
_READ = ("baseline", "compare", "curve", "data list", "data verify", "gate", "import", "leaderboard", "plugins", "show")


def whole_commands(names: tuple[str, ...]) -> list[Any]:
    """Whole commands. Those of a plugin that the reader is to write are run by the test of the tutorial."""
    return [
        one
        for one in EVERY
        if one.values[2] and " ".join(words(str(one.values[1]))).startswith(names) and "my-" not in str(one.values[1])
    ]


@pytest.mark.parametrize(("page", "command", "whole"), whole_commands(_COMPUTE))
def test_a_command_runs_as_far_as_to_computing(
    page: Path, command: str, *, whole: bool, reader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*_arguments: Any, **_more: Any) -> NoReturn:
        raise Computing

    for name in _COMPUTING:
        monkeypatch.setattr(robusthash.evaluation, name, compute)
    monkeypatch.setattr(devices, "find_device", lambda _name: torch.device("cpu"))  # the reader has a GPU
    try:
        _, refused = run(command, reader)
    except Computing:
        return
    assert refused is not None, "it computed nothing"
    assert_only_files_are_missing(command, refused)


@pytest.mark.parametrize(("page", "command", "whole"), whole_commands(_READ))
def test_a_command_that_computes_nothing_runs(page: Path, command: str, *, whole: bool, reader: Path) -> None:
    code, refused = run(command, reader)
    assert_only_files_are_missing(command, refused)
    assert refused is not None or code in {0, *((3, 4) if words(command)[0] == "gate" else ())}
