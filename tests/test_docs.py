"""The documentation says what the code does: generated parts, names, links, and every file that it tells to write."""

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pluggy
import pytest
import torch

from robusthash import hookspecs, testing
from robusthash.contracts import HashModel, Modality
from robusthash.evaluation import read_suite
from robusthash.host import Owner, PluginHost, PluginKind
from robusthash.host.discovery import Candidate
from robusthash.host.registration import register
from robusthash.testing.records import make_record
from robusthash.training import user_model

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
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
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
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
        ("robusthash_run_started", {"cells": 3, "settings": {"dataset": "digits"}}, "3 cells on digits"),
        ("robusthash_cell_finished", {"record": make_record(attack="rnm", model="dpsh")}, "rnm on dpsh"),
        ("robusthash_run_finished", {"records": [make_record()], "seconds": 2.2}, "1 records in 2 s"),
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
    observers = {"robusthash_run_started", "robusthash_cell_finished", "robusthash_run_finished"}
    assert {name for name, _ in generate.hook_functions()} == observers | {kind.hook for kind in PluginKind}
    assert all(generate.hook_doc(hook)[1].startswith(("from", "import")) for _, hook in generate.hook_functions())


@pytest.mark.parametrize("kind", PluginKind)
def test_every_spec_has_a_row_that_names_classes_and_tests_that_exist(kind: PluginKind) -> None:
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
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
    checks = ("evaluation/scoring/soundness.py", "results/comparing/consistency.py")
    code = "".join((ROOT / "robusthash" / file).read_text(encoding="utf-8") for file in checks)
    ids = set(re.findall(r'"(RH\d{3})"', code))
    text = (DOCS / "soundness.md").read_text(encoding="utf-8")
    assert ids
    assert ids == set(re.findall(r"^### (RH\d{3})$", text, re.MULTILINE))


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


def test_the_example_suite_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(files_told("quickstart.md")["suite.toml"])
    request = read_suite(tmp_path / "suite.toml")
    host = PluginHost.load()
    for kind, names in ((PluginKind.MODEL, request.models), (PluginKind.ATTACK, request.attacks)):
        for name in names:
            host.create(host.find(kind, name), request.setting.options.get(name, {}))
    for name in request.setting.metrics:
        host.create(host.find(PluginKind.METRIC, name))


def test_the_example_model_is_a_hash_model(tmp_path: Path) -> None:
    path = tmp_path / "my_model.py"
    path.write_text(files_told("quickstart.md")["my_model.py"])
    model = user_model(f"{path}:build", bits=12, modalities={"image": Modality.image(16)})
    assert isinstance(model, HashModel)
    assert model.codes(torch.rand(2, 3, 16, 16)).shape == (2, 12)


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's distribution as its reader writes it, and as an installer would record it."""
    folder = tmp_path_factory.mktemp("robusthash-hinge")
    for name, text in files_told("plugins.md").items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    info = folder / "robusthash_hinge-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: robusthash-hinge\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[robusthash]\nhinge = robusthash_hinge.plugin\n")
    return folder


def run_beside(folder: Path, *command: str) -> str:
    """Runs a command with a folder's distribution installed beside everything else; returns its output."""
    path = os.pathsep.join([str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {name: value for name, value in os.environ.items() if name != "ROBUSTHASH_PLUGINS"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},  # toy tensors: threads would only wait
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_CLI = "from robusthash.cli import main; main()"


def test_the_tutorial_says_what_its_package_holds(tutorial: Path) -> None:
    text = (tutorial / "pyproject.toml").read_text()
    assert 'hinge = "robusthash_hinge.plugin"' in text
    assert {"pyproject.toml", "robusthash_hinge/plugin.py", "robusthash_hinge/hinge.py", "tests/test_hinge.py"} == set(
        files_told("plugins.md")
    )


@pytest.mark.slow
def test_the_tutorials_plugin_is_shown_and_sound(tutorial: Path) -> None:
    shown = run_beside(tutorial, "-c", _CLI, "--strict-plugins", "plugins", "show", "my-hinge")
    assert "robusthash-hinge 0.1.0" in shown
    assert "how far on the aim's side" in shown
    assert "no problems found" in run_beside(tutorial, "-c", _CLI, "plugins", "doctor")


@pytest.mark.slow
def test_the_tutorials_attack_keeps_the_contract(tutorial: Path) -> None:
    output = run_beside(tutorial, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert re.search(r"\d\d passed", output), output


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
