"""Configuration files: every option is a key, the command line goes before them, and what is wrong names its line."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from robusthash.cli import run
from robusthash.cli.config.files import read_config
from robusthash.cli.config.keys import COMMANDS, Key, configured, keys_of
from robusthash.cli.config.lines import line_of
from robusthash.cli.config.schema import schema
from robusthash.cli.input.numbers import RADIUS, Real, Whole
from robusthash.errors import InputError
from tests.suites import read_suite
from tests.test_docs import PAGES, ROOT, files_told

EVERY = [pytest.param(name, key, id=f"{name} {key.name}") for name in COMMANDS for key in keys_of(configured()[name])]
VALIDATOR = jsonschema.Draft202012Validator(schema())
PUBLISHED = ROOT / "docs" / "robusthash.schema.json"


def written(folder: Path, text: str, name: str = "robusthash.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[str, str]]:
    """Value and source of every key, as ``config show`` tells them."""
    capsys.readouterr()
    assert run(["config", "show", "--json", *arguments]) == 0
    return {one["key"]: (one["value"], one["source"]) for one in json.loads(capsys.readouterr().out)}


def toml_of(key: Key) -> tuple[str, str]:
    """A value of a key, as TOML has it and as ``config show`` tells it."""
    if key.field == "vary":
        return "{ rnm = { steps = [1, 2] } }", "1,2"
    if key.table:
        return "{ rnm = { steps = 3 } }", "3"
    kind = key.parameter.type
    if getattr(key.parameter, "is_flag", False):
        return "true", "true"
    if isinstance(kind, Whole):
        return str(kind.least), str(kind.least)
    if kind is RADIUS or isinstance(kind, Real):
        return "0.25", "0.25"
    if isinstance(kind, click.Choice):
        return f'"{kind.choices[0]}"', str(kind.choices[0])
    return '"none"', "none"


def validated(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


def test_the_schema_is_one_and_is_published() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


@pytest.mark.parametrize(("command", "key"), EVERY)
def test_every_option_is_a_key(command: str, key: Key, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In each of its spellings, at the top and in the command's table; the schema knows it."""
    value, shown = toml_of(key)
    name = {"options": "options.rnm.steps", "vary": "vary.rnm.steps"}.get(key.name, key.name)
    for spelling in key.spellings:
        for text in (f"{spelling} = {value}\n", f"[{command}]\n{spelling} = {value}\n"):
            validated(text)
            path = written(tmp_path, text)
            found, source = told(capsys, "--command", command, "--config", str(path))[name]
            assert found in {shown, str(tmp_path / shown)}  # paths are relative to the file
            assert source == f"{path}:{text.count(chr(10))}"


@pytest.mark.parametrize(
    ("page", "name"),
    [
        (page, name)
        for page in PAGES
        for name in files_told(str(page.relative_to(ROOT / "docs")))
        if name.endswith(".toml") and name not in {"gate.toml", "pyproject.toml", "submission.toml"}
    ],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
def test_the_examples_of_the_docs_are_read_and_fit_the_schema(page: Path, name: str, tmp_path: Path) -> None:
    text = files_told(str(page.relative_to(ROOT / "docs")))[name]
    validated(text)
    read_config(written(tmp_path, text, name)).of("eval")


WRONG = [
    ("attacks = 3", "1: attacks is a whole number, 3, not a text"),
    ("attacks = []", "1: attacks is an empty list"),
    ("attacks = [3]", "1: attacks is a whole number, 3, not a text"),
    ("seed = 1\nbits = ['x']", "2: bits is a text, 'x', not a whole number"),
    ("epsilons = [true]", "epsilons is true or false, true, not a number, or a text"),
    ("queries = 'many'", "queries is a text, 'many', not a whole number"),
    ("seed = 0.5", "seed is a number, 0.5, not a whole number"),
    ("seed = [1]", "seed is a list, and this command takes one seed"),
    ("checkpoint = 3", "checkpoint is a whole number, 3, not a path"),
    ("options = 3", "options is a whole number, 3, not a table of plugins"),
    ("[options]\nrnm = 3", "options has rnm, which is a whole number, 3, not a table"),
    ("[options.rnm]\nsteps = { a = 1 }", "options has rnm.steps, which is a table, not a value"),
    ("vary = 3", "vary is a whole number, 3, not a table of plugins"),
    ("[vary]\nrnm = [1]", "vary has rnm, which is a list, not a table"),
    ("[vary.rnm]\nsteps = 3", "vary has rnm.steps, which is a whole number, 3, not a list of values"),
    ("[vary.rnm]\nsteps = [[1, 2]]", "a value of several parts"),
    ("compiled = 'yes'", "compiled is a text, 'yes', not true or false"),
    ("[eval]\nmodel = 3", "2: model is a whole number, 3, not a text"),
    ("steps = 3", "1: unknown key 'steps'"),
    ("seed = 3\nmodl = 'dpsh'", "2: unknown key 'modl'"),
    ("[eval]\nsede = 3", "2: unknown key 'sede' of the command eval"),
    ("[tran]\nseed = 3", "1: unknown key 'tran'"),
    ("seed = 1979-05-27", "seed is a date or a time, not a whole number"),
    ("model = 'a'\nmodels = ['b']", "2: model and models are the same option"),
]


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[text for text, _ in WRONG])
def test_what_is_wrong_is_named_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_config(path).of("eval")
    assert says in refused.value.message
    assert refused.value.message.startswith(str(path))
    if "same option" not in says and "several parts" not in says and "date" not in says:  # JSON has no dates
        with pytest.raises(jsonschema.ValidationError):
            validated(text)


@pytest.mark.parametrize(
    ("text", "hint"), [("modl = 'a'", "'model'"), ("[train]\nsede = 1", "'seed'"), ("[tran]\nseed = 3", "'train'")]
)
def test_the_near_miss_is_told(text: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_config(written(tmp_path, text))
    assert refused.value.hint is not None
    assert f"did you mean {hint}?" in refused.value.hint


@pytest.mark.parametrize("content", [f"queries = {'9' * 5000}", "a = " + "[" * 5000, "\ufffe", "a = 1\na = 2"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match="is not TOML"):
        read_config(written(tmp_path, content))


def test_a_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    """With a byte-order mark, and lines that end as they do there; errors still name the line."""
    path = tmp_path / "robusthash.toml"
    path.write_bytes(b"\xef\xbb\xbfmodel = 'dpsh'\r\n[eval]\r\nseed = 3\r\n")
    assert set(read_config(path).of("eval")) == {"models", "seed"}
    path.write_bytes(b"\xef\xbb\xbfmodl = 'dpsh'\r\n")
    with pytest.raises(InputError, match="1: unknown key 'modl'"):
        read_config(path)


def test_a_command_goes_before_all_and_the_command_line_before_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(
        tmp_path,
        'model = "dpsh"\nseed = 1\nqueries = 5\n[options.rnm]\nsteps = 1\np = 2\n'
        '[eval]\nseed = 2\nattack = ["rnm", "hag"]\n[eval.options.rnm]\nsteps = 3\n[train]\nseed = 4\n',
    )
    found = told(capsys, "--config", str(path), "--attack", "tanh-p2p", "-o", "rnm.p=7")
    assert found["model"] == ("dpsh", f"{path}:1")
    assert found["seed"] == ("2", f"{path}:8")
    assert found["queries"] == ("5", f"{path}:3")
    assert found["attack"] == ("tanh-p2p", "command line")
    assert found["bits"] == ("32", "default")
    assert found["options.rnm.steps"] == ("3", f"{path}:11")
    assert found["options.rnm.p"] == ("7", "command line")
    assert told(capsys, "--command", "train", "--config", str(path))["seed"] == ("4", f"{path}:13")


def test_the_environment_may_name_the_file_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, 'model = "no-such-model"\n')
    monkeypatch.setenv("ROBUSTHASH_CONFIG", str(path))
    assert run(["train"]) == 2
    err = capsys.readouterr().err
    assert f"config: {path}, which ROBUSTHASH_CONFIG names" in err
    assert "unknown model 'no-such-model'" in err
    other = written(tmp_path, 'model = "another"\n', "other.toml")
    assert run(["train", "--config", str(other)]) == 2
    err = capsys.readouterr().err
    assert "config:" not in err
    assert "unknown model 'another'" in err


def test_no_file_is_read_that_nobody_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever runs the same line in another folder gets the same numbers."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "seed = 7\n")
    written(tmp_path, "[tool.robusthash]\nseed = 8\n", "pyproject.toml")
    assert told(capsys)["seed"] == ("0", "default")


def test_a_project_file_has_a_table(tmp_path: Path) -> None:
    path = written(tmp_path, "[tool.robusthash.gate]\nrules = []\n[tool.robusthash.eval]\nsede = 1", "pyproject.toml")
    with pytest.raises(InputError, match=r"pyproject\.toml:4: unknown key 'sede'"):
        read_config(path)
    with pytest.raises(InputError, match=r"no table \[tool\.robusthash\]"):
        read_config(written(tmp_path, "[project]\nname = 'a'", "pyproject.toml"))


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "there", 'model = "dpsh"\ndata_root = "data"\nweights = "net.safetensors"')
    setting = read_suite(path).setting
    assert setting.data_root == tmp_path / "there" / "data"
    assert setting.weights == str(tmp_path / "there" / "net.safetensors")
    assert read_suite(written(tmp_path, 'model = "dpsh"\nweights = "default"')).setting.weights == "default"


@pytest.mark.usefixtures("cache")
def test_a_training_reads_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(
        tmp_path, 'model = "dpsh"\nbits = 8\n[options.train]\nepochs = 1\n[train]\noutput = "a.safetensors"\n'
    )
    assert run(["train", "--config", str(path), "--quiet", "--json"]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert made["path"] == str(tmp_path / "a.safetensors")
    assert (made["bits"], made["recipe"]["epochs"]) == (8, 1)


def test_known_words_are_suggested() -> None:
    found = schema()["properties"]["precision"]
    assert {"enum": ["float32", "bf16"]} in found["anyOf"]


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ("[a]\nc = 1\n[b]\nc = 2", ("b", "c"), 4),
        ("[a.'b c']  # why\nc = 1", ("a", "b c", "c"), 2),
        ("a.b.c = 1", ("a", "b"), 1),
        ("text = '''\nb = 3\n'''", ("c",), None),
        ("= 3\n[[\nx", ("x",), None),
    ],
)
def test_the_line_of_a_key_is_found(text: str, path: tuple[str, ...], line: int | None) -> None:
    assert line_of(text, path) == line


def test_every_command_with_settings_takes_a_file() -> None:
    sources = {
        path.stem.strip("_")
        for path in (ROOT / "robusthash" / "cli" / "commands").rglob("*.py")
        if re.search(r"^@setting_options", path.read_text("utf-8"), re.MULTILINE)
    }
    assert sources == set(COMMANDS)
