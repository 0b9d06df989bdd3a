"""The parsers, each with inputs to try. Of what a stranger gives, only the project's own errors may come out."""

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors.torch
import torch
from hypothesis import strategies as st
from inputs import TOKENS, VALUES, binaries, plain, texts
from photographs import photograph, sound_photographs

from robusthash.cli.config.files import read_config
from robusthash.cli.config.keys import COMMANDS
from robusthash.epsilon import format_epsilon, parse_epsilon
from robusthash.errors import RobustHashError
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.files.arrays import read_arrays, to_npz
from robusthash.files.snapshots import Snapshots
from robusthash.files.storage import digest
from robusthash.host import PluginHost, PluginKind
from robusthash.host.registration import Registered
from robusthash.options import build_options, parse_assignments
from robusthash.results import QueryArrays, ResultStore, build_leaderboard, to_csv, to_html, to_json, to_markdown
from robusthash.results.records.flat import identity
from robusthash.results.records.reading import parse_record
from robusthash.results.submission.examining import examine
from robusthash.testing.records import make_model, make_record
from robusthash.training import load_checkpoint, save_checkpoint

_SUBMISSION = """\
who = "A. Author"
contact = "a@example.org"
licence = "MIT"

[[weights]]
digest = "0123456789ab"
url = "https://example.org/a.safetensors"
"""
_FOLDER = Path(tempfile.mkdtemp(prefix="robusthash-fuzz-"))


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parser.

    Attributes:
        inputs: what it may be given.
        parse: reads one, and does with the result what everybody would.
        found: inputs that have broken it before.
    """

    inputs: st.SearchStrategy[Any]
    parse: Callable[[Any], object]
    found: tuple[Any, ...] = ()


class _Word(StrEnum):
    ONE = "one"
    TWO = "two"


@dataclass(frozen=True, kw_only=True)
class _Options:
    whole: int = 1
    number: float = 0.5
    maybe: float | None = None
    flag: bool = False
    text: str = ""
    path: Path = Path()
    word: _Word = _Word.ONE
    choice: Literal["a", 1] | None = "a"
    pair: tuple[int, float] = (1, 2.0)
    many: tuple[str, ...] = ()


def _file(name: str, content: bytes) -> Path:
    path = _FOLDER / name
    path.write_bytes(content)
    return path


def _options(case: tuple[str, str, Any]) -> None:
    text, name, value = case
    parse_assignments([text])
    build_options(_Options, {name: value}, where="fuzzed")


def _epsilon(text: str) -> None:
    format_epsilon(parse_epsilon(text))


def _suite(text: str) -> None:
    config = read_config(_file("suite.toml", text.encode(errors="surrogatepass")))
    for command in COMMANDS:
        config.of(command)


def _record(content: Any) -> None:
    record = parse_record(json.dumps(content).encode(errors="surrogatepass"), "fuzzed.json")
    board = build_leaderboard([record, make_record()])
    for write in (to_html, to_markdown, to_csv, to_json, str):
        write(board)
    ResultStore(_FOLDER).path_of(record)


def _digested(content: Any) -> None:
    with contextlib.suppress(Exception):  # what has no digest is refused for another reason
        content["digest"] = digest(identity(content))


def _submission(description: str) -> None:
    folder = Path(tempfile.mkdtemp(dir=_FOLDER))
    with contextlib.suppress(UnicodeEncodeError):  # nobody can write such a file
        (folder / "submission.toml").write_text(description, encoding="utf-8")
    found = examine(folder)
    assert not found.records
    for one in found.findings:
        assert one.message.isprintable()


def _bytes_of_record(content: bytes) -> None:
    parse_record(content, "fuzzed.json")


def _arrays(content: bytes) -> None:
    arrays = QueryArrays.from_arrays(read_arrays(_file("arrays.npz", content)))
    arrays.to_arrays()


def _checkpoint(content: bytes) -> None:
    load_checkpoint(_file("fuzzed.safetensors", content))


def _described(description: Any) -> None:
    metadata = {"robusthash": description if isinstance(description, str) else json.dumps(description)}
    with contextlib.suppress(UnicodeEncodeError):  # nobody can write such a file
        _checkpoint(safetensors.torch.save(_WEIGHTS, metadata=metadata))


def _snapshot(content: bytes) -> None:
    Snapshots(_file("work.partial", content), "work").load()


def _dataset(name: str, files: Mapping[str, str | bytes]) -> None:
    from robusthash.contracts import DatasetContext

    with tempfile.TemporaryDirectory(dir=_FOLDER) as root:
        for path, content in files.items():
            encoded = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
            (Path(root) / path).write_bytes(encoded)
        dataset = Plugins(_HOST, {}).dataset(name).plugin
        dataset.load(DatasetContext(root=Path(root), cache=Path(root) / "cache"))


def _lists(case: tuple[str, str]) -> None:
    listing, labels = case
    _dataset(
        "lists",
        {
            f"{split}_{what}.txt": content
            for split in _SPLITS
            for what, content in (("img", listing), ("label", labels))
        },
    )


def _columns(listing: str) -> None:
    _dataset("lists", {f"{split}.txt": listing for split in _SPLITS})


def _table(table: str) -> None:
    _dataset("folder", {"labels.csv": table})


def _metric(name: str) -> None:
    Plugins(_HOST, {}).metric(name)


def _name(name: str) -> None:
    plugins = Plugins(_HOST, {})
    for choose in (
        plugins.model,
        plugins.attack,
        plugins.defense,
        plugins.dataset,
        plugins.backbone,
        plugins.retriever,
    ):
        with contextlib.suppress(RobustHashError):
            choose(name)
    ResultStore(_FOLDER).lookup(name)


def _spec(case: tuple[Registered, dict[str, Any]]) -> None:
    registered, values = case
    named = {field.name for field in fields(registered.spec)}
    replace(registered.spec, **{name: one for name, one in values.items() if name in named})


def _npz() -> bytes:
    arrays = {"clean": np.zeros((2, 4), np.uint8), "ids": np.arange(2), "clean.map": np.ones(2)}
    return to_npz(arrays)


def _saved() -> tuple[bytes, str]:
    from robusthash.specs import PluginUse
    from robusthash.training import Description

    use = PluginUse(name="dpsh", owner="robusthash-models 0.1.0", options={"eta": 0.1})
    description = Description(
        model=use,
        backbone=use,
        pretrained="none",
        recipe={"epochs": 1},
        bits=2,
        image_size=16,
        dataset="digits",
        dataset_digest="0" * 64,
        classes=("a", "b"),
        seed=0,
        versions={"torch": "2"},
        report={"loss": 0.5},
    )
    path = _FOLDER / "sound.safetensors"
    save_checkpoint(path, torch.nn.Linear(1, 2), description)
    with safetensors.safe_open(path, framework="pt") as file:
        return path.read_bytes(), file.metadata()["robusthash"]


def _snapshots() -> bytes:
    path = _FOLDER / "sound.partial"
    Snapshots(path, "work").save({"a": torch.zeros(2)}, {"epochs": 1})
    return path.read_bytes()


def _mat() -> bytes:
    import scipy.io

    buffer = io.BytesIO()
    rows = np.eye(4, dtype=np.uint8)
    scipy.io.savemat(buffer, {"I_tr": rows, "T_tr": rows, "L_tr": rows, "I_te": rows, "T_te": rows, "L_te": rows})
    return buffer.getvalue()


_HOST = PluginHost.load()
_SPECS = [next(iter(_HOST.all(kind))) for kind in PluginKind]
_FIELDS = st.sampled_from(sorted({field.name for one in _SPECS for field in fields(one.spec)}))
_SPLITS = ("test", "database", "train")
_WEIGHTS = {"weight": torch.zeros(2, 1)}
_CHECKPOINT, _DESCRIPTION = _saved()
_SUITE = """
[suite]
models = ["dpsh", "hashnet"]
attacks = ["rnm"]
bits = [16, 32]
epsilons = ["8/255"]
queries = 100
seed = 0

[options.rnm]
steps = 10
"""
_SUITES = (_SUITE, _SUITE.replace("[suite]\n", ""))
_RECORDS = [
    json.loads(record.to_json())
    for record in (make_record(), make_record(defense="saat", target=0.5, surrogate=make_model("hashnet")))
]
_PATHS = "a/1.jpg\nb/2.jpg\n"
_NAMED = texts(("map", "map@1000", "precision@r2", "dpsh", "dpsh/cgat", "rnm", "abcdef", "folder", "file.py:build"))

TARGETS: dict[str, Target] = {
    "options": Target(
        inputs=st.tuples(
            texts(("rnm.steps=200", "dpsh/cgat.eta=a.b=c")),
            st.sampled_from([field.name for field in fields(_Options)] + list(TOKENS)),
            VALUES | texts(("1", "0.5", "1/255", "a,b", "none")),
        ),
        parse=_options,
    ),
    "epsilon": Target(
        inputs=texts(("8/255", "0.03", "1e-3")), parse=_epsilon, found=("1e99999999", "1e99999999/1", "1_0/25_5")
    ),
    "suite": Target(inputs=texts(_SUITES), parse=_suite, found=(f"queries = {'9' * 5000}", "a = " + "[" * 5000)),
    "record": Target(inputs=st.one_of(*(plain(record, _digested) for record in _RECORDS)), parse=_record),
    "submission": Target(inputs=texts([_SUBMISSION]), parse=_submission),
    "record bytes": Target(
        inputs=binaries([json.dumps(record).encode() for record in _RECORDS]), parse=_bytes_of_record
    ),
    "arrays": Target(inputs=binaries([_npz()]), parse=_arrays),
    "checkpoint": Target(inputs=binaries([_CHECKPOINT]), parse=_checkpoint),
    "description": Target(inputs=plain(json.loads(_DESCRIPTION)) | texts([_DESCRIPTION]), parse=_described),
    "snapshot": Target(inputs=binaries([_snapshots()]), parse=_snapshot),
    "lists in pairs": Target(inputs=st.tuples(texts([_PATHS]), texts(["1 0\n0 1\n"])), parse=_lists),
    "lists in columns": Target(inputs=texts(["a/1.jpg 1 0\nb/2.jpg 0 1\n"]), parse=_columns),
    "table": Target(inputs=texts(["path,labels\na.png,sky;sea\n", "path,split,sky\na.png,query,1\n"]), parse=_table),
    "mat": Target(inputs=binaries([_mat()]), parse=lambda content: _dataset("wiki/ta-dch", {"WIKIPEDIA.mat": content})),
    "photograph": Target(inputs=binaries(sound_photographs()), parse=photograph),
    "metric": Target(inputs=_NAMED, parse=_metric),
    "name": Target(inputs=_NAMED, parse=_name),
    "spec": Target(
        inputs=st.tuples(st.sampled_from(_SPECS), st.dictionaries(_FIELDS, VALUES, max_size=3)), parse=_spec
    ),
}
