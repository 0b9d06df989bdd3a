"""Records of strangers in which every text is hostile, in all that the commands print of them."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.results import Against, Flag, PluginUse, QueryArrays, Record, ResultStore, ScoreKey
from robusthash.results.records.flat import identity
from robusthash.results.records.reading import parse_record
from robusthash.storage import digest
from robusthash.testing.records import make_model, make_record

TEXT = (
    "=1+1\x1b[2J\x1b]0;owned\x07\x1b]8;;http://x\x1b\\\x9b2J[bold red]x[/][link=file:///x]y[/link]|a|\n| b |\r\n# c\t"
    "<script>alert(1)</script>[z](javascript:alert(1))![i](http://x)`d`\u202e\u2066\u200b\u2028\ufeff"
)

COMMANDS: dict[str, tuple[Sequence[str], str]] = {
    **{
        f"leaderboard {form}": (("leaderboard", "--format", form), form)
        for form in ("table", "markdown", "csv", "json")
    },
    "leaderboard ties": (("leaderboard", "--ties"), "table"),
    "leaderboard ties markdown": (("leaderboard", "--ties", "--format", "markdown"), "markdown"),
    **{
        f"curve {over} {form}": (("curve", "--over", over, "--format", form), form)
        for over in ("epsilon", "effort", "bits", "iteration")
        for form in ("table", "markdown", "csv", "json")
    },
    "show": (("show", "FIRST"), "table"),
    "show json": (("show", "FIRST", "--json"), "json"),
    "compare": (("compare", "FIRST", "SECOND"), "table"),
    "compare json": (("compare", "FIRST", "SECOND", "--json"), "json"),
}


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
