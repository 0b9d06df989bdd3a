"""Records of strangers in which every text is hostile, in all that the commands print of them."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from robusthash.cli import group, run
from robusthash.files.arrays import write_arrays
from robusthash.files.storage import digest
from robusthash.results import Against, Flag, PluginUse, QueryArrays, Record, ResultStore, ScoreKey
from robusthash.results.records.flat import identity
from robusthash.results.records.reading import parse_record
from robusthash.testing.records import make_model, make_record

TEXT = (
    "=1+1\x1b[2J\x1b]0;owned\x07\x1b]8;;http://x\x1b\\\x9b2J[bold red]x[/][link=file:///x]y[/link]|a|\n| b |\r\n# c\t"
    "<script>alert(1)</script>[z](javascript:alert(1))![i](http://x)`d`\u202e\u2066\u200b\u2028\ufeff"
)

COMMANDS: dict[str, tuple[Sequence[str], str]] = {
    **{
        f"leaderboard {form}": (("leaderboard", "--format", form), form)
        for form in ("table", "markdown", "latex", "csv", "json")
    },
    "leaderboard ties": (("leaderboard", "--ties"), "table"),
    "leaderboard ties markdown": (("leaderboard", "--ties", "--format", "markdown"), "markdown"),
    **{
        f"curve {over} {form}": (("curve", "--over", over, "--format", form), form)
        for over in ("epsilon", "effort", "bits", "iteration")
        for form in ("table", "markdown", "latex", "csv", "json")
    },
    "show": (("show", "FIRST"), "table"),
    "show json": (("show", "FIRST", "--json"), "json"),
    "compare": (("compare", "FIRST", "SECOND"), "table"),
    "compare json": (("compare", "FIRST", "SECOND", "--json"), "json"),
}

_GATE = "gate"  #: its forms are tried with its renderers


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, one in list(inside):
        yield content, name
        yield from _places(one)


def _accepted(content: Any) -> bool:
    with suppress(Exception):
        content["digest"] = digest(identity(content))
        parse_record(json.dumps(content), "strange.json")
        return True
    return False


def hostile(record: Record, text: str) -> Record:
    """The record with the text wherever a reader accepts one: as a value, and as another name."""
    content = json.loads(record.to_json())
    assert _accepted(content)
    for above, name in _places(content):
        before = above[name]
        if isinstance(before, str):
            above[name] = text
            if not _accepted(content):
                above[name] = before
        elif isinstance(above, dict) and text not in above:
            above[text] = before
            if not _accepted(content):
                del above[text]
    assert _accepted(content)
    return parse_record(json.dumps(content), "strange.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record]]:
    """A folder with sweeps over all that curves are drawn over, and what they need."""
    store = ResultStore(tmp_path_factory.mktemp("hostile"))
    common: dict[str, Any] = {
        "defense": PluginUse(name="saat", owner="x", options={"epochs": 1}),
        "surrogate": make_model("hashnet"),
        "target": 0.5,
        "queries": 3,
        "effort": TEXT,
        "protocols": {TEXT: "map"},
        "flags": (Flag(id="a", message="b"),),
    }
    plain = [
        make_record(epsilon=epsilon, bits=bits, options={TEXT: steps, "a": {"b": ["c"]}}, **common)
        for epsilon, bits, steps in ((0.1, 16, 5), (0.2, 16, 5), (0.1, 32, 5), (0.1, 16, 10))
    ]
    records = [hostile(record, TEXT) for record in plain]
    for record in records:
        metric = next(iter(record.scoring.protocols))
        stages = ("clean", "adversarial")
        arrays = QueryArrays(
            scores={ScoreKey(stage, metric, against): np.linspace(0, 1, 4) for stage in stages for against in Against},
            columns={"ids": np.arange(4), "trace": np.arange(12).reshape(4, 3), "linf": np.zeros(4)},
        )
        store.save(record, arrays)
    return store.root, records


def test_every_format_of_a_command_is_tried() -> None:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        options = {one.name: one for one in command.params} if command else {}
        tried = {form for told, (_, form) in COMMANDS.items() if told.split()[0] == name}
        if "form" in options:
            assert set(options["form"].type.choices) == tried
        elif {"results", "as_json"} <= options.keys() and name != _GATE and "quiet" not in options:
            # What takes time, and so has --quiet, computes: it needs more than records.
            assert tried == {"table", "json"}, name


def test_hostile_texts_stand_almost_everywhere(folder: tuple[Path, list[Record]]) -> None:
    content = folder[1][0].to_json()
    assert content.count("owned") > 40
    found = json.loads(content)
    for name in ("dataset", "model", "attack", "defense", "surrogate", "retriever"):
        assert found[name]["name"] == found[name]["owner"] == TEXT


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_prints_anything_but_text(
    folder: tuple[Path, list[Record]], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    arguments, form = COMMANDS[name]
    root, records = folder
    named = {"FIRST": records[0].digest, "SECOND": records[1].digest}
    code = run([*(named.get(one, one) for one in arguments), "--results", str(root)])
    output, error = capsys.readouterr()
    assert code == 0, error
    for line in (output + error).split("\n"):
        assert line.isprintable(), repr(line)
    if form == "json":
        assert json.loads(output)
    if form == "csv":
        rows = list(csv.reader(io.StringIO(output)))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if re.match(r"\s*[=+@]|\s*-(?![\d.]+$)", cell)]
    if form == "markdown":
        assert not re.findall(r"(?<!\\)[<`]", output)
        assert "](" not in output.replace("\\](", "")
        assert not re.search(r"^# ", output, re.MULTILINE)


SOUND: dict[str, np.ndarray] = {
    "clean": np.zeros((4, 4), np.uint8),
    "adversarial": np.ones((4, 4), np.uint8),
    "ids": np.arange(4),
    "linf": np.zeros(4),
    "labels": np.eye(4, 3, dtype=np.uint8),
    "targets": np.eye(4, 3, dtype=np.uint8),
    "anchors": np.zeros((4, 9), np.int64),
    "trace": np.zeros((4, 3), np.int16),
    **{
        f"{stage}/{name}": np.linspace(0, 1, 4)
        for stage in ("clean", "adversarial", "unrounded")
        for name in ("map", "t-map")
    },
}
ITEMS = {"packed": np.arange(20, dtype=np.uint8).reshape(5, 4), "labels": np.eye(5, 3, dtype=np.uint8)}
BROKEN: dict[str, tuple[dict[str, np.ndarray | None], dict[str, np.ndarray | None]]] = {
    "no codes": ({"clean": None}, {}),
    "no labels": ({"labels": None}, {}),
    "texts": ({"linf": np.array(["a", "b", "c", "d"])}, {}),
    "times": ({"linf": np.zeros(4, "datetime64[s]")}, {}),
    "a single number": ({"linf": np.array(1.0)}, {}),
    "three rows": ({"labels": np.eye(3, dtype=np.uint8)}, {}),
    "no rows": ({name: array[:0] for name, array in SOUND.items()}, {}),
    "codes of another length": ({"clean": np.zeros((4, 9), np.uint8)}, {}),
    "codes of another type": ({"clean": np.zeros((4, 4), np.float64)}, {}),
    "classes of another dataset": ({"labels": np.eye(4, 7, dtype=np.uint8)}, {}),
    "fractional labels": ({"targets": np.ones((4, 3))}, {}),
    "anchors beyond the database": ({"anchors": np.full((4, 9), 5)}, {}),
    "fractional anchors": ({"anchors": np.zeros((4, 9))}, {}),
    "no database": ({}, {"packed": None}),
    "a flat database": ({}, {"packed": np.zeros(5, np.uint8)}),
    "an empty database": ({}, {name: array[:0] for name, array in ITEMS.items()}),
    "a database of texts": ({}, {"packed": np.array([["a"] * 4] * 5)}),
    "fewer labels than items": ({}, {"labels": np.eye(4, 3, dtype=np.uint8)}),
}


def _with(arrays: dict[str, np.ndarray], changes: dict[str, np.ndarray | None]) -> dict[str, np.ndarray]:
    return {name: array for name, array in {**arrays, **changes}.items() if array is not None}


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str], tuple[Path, Record]]:
    """Stores a record with arrays that do not fit."""

    def store(name: str, relevance: str = "share-any") -> tuple[Path, Record]:
        queries, items = BROKEN.get(name, ({}, {}))
        stored = ResultStore(tmp_path)
        record = make_record(target=0.5, bits=32, relevance=relevance)
        path = stored.save(record, QueryArrays())
        write_arrays(path.with_suffix(".npz"), _with(SOUND, queries))
        stored.save_database(record, _with(ITEMS, items))
        return path, record

    return store


@pytest.mark.parametrize("name", ["sound", *BROKEN, "another relevance"])
def test_arrays_of_strangers_are_used_or_refused_by_name(
    broken: Callable[..., tuple[Path, Record]], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path, record = broken(name, *([TEXT] if name == "another relevance" else []))
    results = ("--results", str(path.parents[3]))
    code = run(["rescore", "--metric", "map", "--retriever", "torch", "--quiet", *results])
    error = capsys.readouterr().err
    assert code == (0 if name == "sound" else 2), error
    assert name == "sound" or "array" in error or record.digest[:12] in error
    for command in (["compare", str(path), str(path)], ["curve", "--over", "iteration"], ["show", str(path)]):
        assert run([*command, *results]) in {0, 2, 5}
        assert "internal error" not in capsys.readouterr().err
