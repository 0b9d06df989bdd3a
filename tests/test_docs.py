"""The documentation says what the code does: generated parts, names, links, and every file that it tells to write."""

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType

import pluggy
import pytest
import torch

from robusthash import hookspecs, testing
from robusthash.contracts import HashModel, Modality
from robusthash.errors import RobustHashDeprecationWarning
from robusthash.evaluation import Local, Request
from robusthash.evaluation.running.observing import run_info
from robusthash.events import CellInfo, Ending, EpochInfo, ErrorInfo, RunEnd
from robusthash.host import Owner, PluginHost, PluginKind
from robusthash.host.discovery import Candidate
from robusthash.host.registration import register
from robusthash.scaffold import KINDS, blueprint
from robusthash.specs import Direction
from robusthash.testing.records import make_record
from robusthash.training import user_model
from tests.suites import read_suite

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUN = run_info(Request(models=("dpsh",)), results=Path("results"), executor=Local(), force=False)
RECORD = make_record(attack="rnm", model="dpsh")
ERROR = ErrorInfo.of(ValueError("no luck"))
END = RunEnd(how=Ending.COMPLETE)
EPOCH = EpochInfo(training="dpsh 32 bit", epoch=2, epochs=9, loss=0.5)
CELL = CellInfo(
    model="dpsh",
    bits=32,
    defense=None,
    attack="rnm",
    options={},
    epsilon=0.1,
    surrogate=None,
    direction=Direction.I2I,
)
PAGES = sorted(DOCS.rglob("*.md"))

_FILE = re.compile(r"^```\w+ title=\"(?P<name>[^\"]+)\"\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^    robusthash (?P<rest>.+?)(?:  +#.*)?$", re.MULTILINE)


def files_told(page: str) -> dict[str, str]:
    """The files that a page tells its reader to write: its code blocks with a title."""
    return {match["name"]: match["text"] for match in _FILE.finditer((DOCS / page).read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script that writes the generated parts."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_generated_parts_are_current(generate: ModuleType, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # Where click wraps a line is its own affair, and may change with its version.
    assert text.split() == generate.refreshed(text).split(), "stale: run python docs/generate.py"


def test_every_command_is_in_the_reference(generate: ModuleType) -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    for path in ("eval", "train", "attack", "leaderboard", "show", "plugins doctor", "data verify"):
        assert f"## robusthash {path}\n" in text


@pytest.mark.parametrize("kind", PluginKind)
def test_every_registered_name_is_documented(generate: ModuleType, kind: PluginKind) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    ours = [one.spec.name for one in PluginHost.load().all(kind) if one.owner.distribution in generate.FIRST_PARTY]
    assert ours
    assert [name for name in ours if f"`{name}`" not in text] == []


def test_every_hook_and_its_arguments_are_documented(generate: ModuleType) -> None:
    text = (DOCS / "plugins" / "hooks.md").read_text(encoding="utf-8")
    hooks = generate.hook_functions()
    assert {f"robusthash_{kind}s" for kind in PluginKind} < {name for name, _ in hooks}
    for name, hook in hooks:
        heading = re.search(rf"^### `{name}\((.*)\) ->", text, re.MULTILINE)
        assert heading is not None, name
        assert all(f"{argument}:" in heading[1] for argument in inspect.signature(hook).parameters), name


def example_plugin(generate: ModuleType, hook: str) -> ModuleType:
    """The example in a hook's docstring, as the module that a plugin author writes."""
    _, example = generate.hook_doc(getattr(hookspecs, hook))
    plugin = ModuleType("my_package.plugin")
    exec(compile(example, hook, "exec"), vars(plugin))  # noqa: S102 - the code under test
    return plugin


@pytest.mark.parametrize("kind", PluginKind)
def test_the_example_of_a_hook_yields_a_spec_of_its_kind(generate: ModuleType, kind: PluginKind) -> None:
    plugin = example_plugin(generate, kind.hook)
    manager = pluggy.PluginManager("robusthash")
    manager.add_hookspecs(hookspecs)
    candidate = Candidate(owner=Owner("my-package", "1.0"), name="plugin", load=lambda: plugin)
    (registered,) = register(manager, candidate, ())
    assert registered.kind is kind
    assert type(registered.spec) is kind.spec


@pytest.mark.parametrize(
    ("hook", "arguments", "logged"),
    [
        ("robusthash_run_started", {"cells": 3, "settings": RUN}, "3 cells on digits"),
        (
            "robusthash_cell_finished",
            {"record": RECORD, "reused": False},
            "rnm on dpsh: new",
        ),
        ("robusthash_epoch_finished", {"epoch": EPOCH}, "dpsh 32 bit, epoch 2: 0.50"),
        (
            "robusthash_cell_failed",
            {"cell": CELL, "owner": "a 1.0", "error": ERROR},
            "rnm on dpsh: no luck",
        ),
        (
            "robusthash_run_finished",
            {"records": (RECORD,), "seconds": 2.2, "end": END},
            "complete: 1 records in 2 s",
        ),
    ],
)
def test_the_example_of_an_observer_is_called(
    generate: ModuleType, caplog: pytest.LogCaptureFixture, hook: str, arguments: dict[str, object], logged: str
) -> None:
    manager = pluggy.PluginManager("robusthash")
    manager.add_hookspecs(hookspecs)
    manager.register(example_plugin(generate, hook))
    with caplog.at_level("INFO"):
        getattr(manager.hook, hook)(**arguments)
    assert caplog.messages == [logged]


def test_every_hook_has_an_example_that_is_tested(generate: ModuleType) -> None:
    events = ("run_started", "epoch_finished", "cell_finished", "cell_failed", "run_finished")
    observers = {f"robusthash_{event}" for event in events}
    assert {name for name, _ in generate.hook_functions()} == observers | {kind.hook for kind in PluginKind}
    assert all(generate.hook_doc(hook)[1].startswith(("from", "import")) for _, hook in generate.hook_functions())


@pytest.mark.parametrize("kind", PluginKind)
def test_every_spec_has_a_row_that_names_classes_and_tests_that_exist(kind: PluginKind) -> None:
    text = (DOCS / "plugins" / "rules.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `{kind.spec.__name__}` \|.*\|$", text, re.MULTILINE)
    assert rows
    for row in rows:
        _, implement, test = (cell.strip() for cell in row.strip("|").split("|"))
        names = re.findall(r"`(robusthash(?:\.\w+)+)`", implement)
        assert names
        for name in names:
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(module), attribute), name
        for name in re.findall(r"`(\w+Contract)`", test):
            assert name in testing.__all__


def test_every_soundness_flag_has_its_anchor() -> None:
    places = ("evaluation/scoring/soundness.py", "evaluation/scoring/data_flags.py", "results/comparing/consistency.py")
    code = "".join((ROOT / "robusthash" / file).read_text(encoding="utf-8") for file in places)
    ids = set(re.findall(r'"(RH\d{3})"', code))
    text = (DOCS / "soundness.md").read_text(encoding="utf-8")
    assert ids
    assert ids == set(re.findall(r"^### (RH\d{3})$", text, re.MULTILINE))


def test_every_benchmark_that_is_named_exists() -> None:
    """On a page, in a tox environment, in a script's own words, or as a heading."""
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    named = re.findall(r"^## (\w+\.py)$", page, re.MULTILINE)
    assert set(named) <= {file.name for file in (ROOT / "benchmarks").rglob("*.py")}
    places = (*PAGES, *(ROOT / name for name in ("README.md", "CHANGELOG.md", "tox.ini")))
    for place in (*places, *(ROOT / "benchmarks").rglob("*.py")):
        text = place.read_text(encoding="utf-8")
        files = [f"{name.replace('.', '/')}.py" for name in re.findall(r"-m (benchmarks[.\w]+)", text)]
        for file in [*files, *re.findall(r"benchmarks/[\w/]+\.\w+", text)]:
            assert (ROOT / file).is_file(), f"{file} in {place.relative_to(ROOT)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_options_on_command_lines_exist(generate: ModuleType, page: Path) -> None:
    """No page tells its reader to use a command or an option that is not there."""
    help_texts = dict(generate.helps())
    for match in _COMMAND.finditer(page.read_text(encoding="utf-8").replace("\\\n", " ")):
        words = match["rest"].split()
        path = next(
            (candidate for n in (2, 1) if (candidate := " ".join(["robusthash", *words[:n]])) in help_texts), None
        )
        assert path is not None, match[0]
        known = help_texts[path] + help_texts["robusthash"]
        for option in re.findall(r"(?<!\S)--[a-z-]+", match["rest"]):
            assert re.search(rf"{option}\b", known), f"{option} in {match[0]}"


@pytest.mark.parametrize(("page", "name"), [("quickstart.md", "suite.toml"), ("howto/papers-table.md", "table.toml")])
def test_an_example_suite_can_be_read(tmp_path: Path, page: str, name: str) -> None:
    (tmp_path / name).write_text(files_told(page)[name])
    request = read_suite(tmp_path / name)
    host = PluginHost.load()
    for kind, names in ((PluginKind.MODEL, request.models), (PluginKind.ATTACK, request.attacks)):
        for one in names:
            host.create(host.find(kind, one), request.setting.options.get(one, {}))
    for metric in request.setting.metrics:
        host.create(host.find(PluginKind.METRIC, metric))


def test_the_example_model_is_a_hash_model(tmp_path: Path) -> None:
    path = tmp_path / "my_model.py"
    path.write_text(files_told("quickstart.md")["my_model.py"])
    model = user_model(f"{path}:build", bits=12, modalities={"image": Modality.image(16)})
    assert isinstance(model, HashModel)
    assert model.codes(torch.rand(2, 3, 16, 16)).shape == (2, 12)


def steps(page: str) -> Iterator[tuple[str, str]]:
    """What a page tells its reader to do, in order: files to write, by name, and commands to run, under no name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for match in re.finditer(r"^```(?P<head>[^\n]*)\n(?P<body>.*?)^```$", text, re.MULTILINE | re.DOTALL):
        title = re.search(r'title="([^"]+)"', match["head"])
        if title is not None:
            yield title[1], match["body"]
        elif match["head"] == "console":
            yield from (("", line.removeprefix("$ ")) for line in match["body"].splitlines() if line.startswith("$ "))


def tools(folder: Path) -> dict[str, str]:
    """An environment in which the reader's commands are those of this Python; pip installs offline, into a folder."""
    (folder / "bin").mkdir()
    for name, module in (("robusthash", "robusthash"), ("pip", "pip"), ("pytest", "pytest")):
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        script.chmod(0o755)
    site = folder / "site"
    paths = [str(site), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    unset = {"ROBUSTHASH_PLUGINS", "ROBUSTHASH_PLUGIN_FILES", "PYTEST_ADDOPTS"}
    return {name: value for name, value in os.environ.items() if name not in unset} | {
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",  # toy tensors: threads would only wait
        "PIP_TARGET": str(site),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads a negated option the other way round
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_the_tutorial_does_what_it_says_from_an_empty_folder_to_the_leaderboard(tmp_path: Path) -> None:
    environment, empty = tools(tmp_path), tmp_path / "empty"
    empty.mkdir()
    commands = 0
    for name, told in steps("plugins/index.md"):
        text = told.replace("--model dpsh", "--model dpsh -o train.epochs=1")  # the rest is as the reader has it
        if name:
            (empty / name).write_text(text)
            continue
        done = subprocess.run(
            ["sh", "-c", text], cwd=empty, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        commands += 1
    assert commands >= 9
    rows = [line for line in done.stdout.splitlines() if " my-hinge " in line]  # the last command shows the leaderboard
    assert rows, done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_page_with_what_plugins_new_writes(kind: str) -> None:
    page = f"plugins/kinds/{kind}.md"
    plan = blueprint(f"my-{kind}", kind)
    told = files_told(page)
    assert {name for name in told if name.startswith("tests/")}
    assert told == {name: plan.files[PurePosixPath(name)] for name in told}


def test_every_contract_is_documented() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "plugins").rglob("*.md"))
    wanted = [name for name in testing.__all__ if name.endswith("Contract")]
    assert [name for name in wanted if f"`{name}`" not in text] == []


def test_deprecated_names_are_listed_with_the_version_that_removes_them() -> None:
    page = (DOCS / "compatibility.md").read_text(encoding="utf-8")
    for old, new in testing._RENAMED.items():
        with pytest.warns(RobustHashDeprecationWarning, match=r"removed in robusthash (\S+);") as caught:
            assert getattr(testing, old) is getattr(testing, new)
        assert caught[0].filename == __file__
        version = re.search(r"removed in robusthash (\S+);", str(caught[0].message))
        assert version is not None
        assert f"| `robusthash.testing.{old}` | {version[1]} | `robusthash.testing.{new}` |" in page


@pytest.mark.slow
def test_the_site_builds_and_every_link_resolves(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(PAGES)
    fetched = re.compile(r"(?:<script[^>]+src|<link[^>]+rel=\"stylesheet\"[^>]+href|<img[^>]+src)=\"(?:https?:)?//")
    assert [page.name for page in pages if fetched.search(page.read_text(encoding="utf-8"))] == []


def test_every_paper_that_a_spec_names_is_in_the_bibliography() -> None:
    host = PluginHost.load()
    keys = {entry.spec.paper for kind in PluginKind for entry in host.all(kind) if entry.spec.paper}
    page = (DOCS / "bibliography.md").read_text(encoding="utf-8")
    assert keys
    assert sorted(key for key in keys if f"| `{key}` |" not in page) == []
