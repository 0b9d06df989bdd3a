"""A plugin stands on public names alone: what the linter refuses, what it allows, and that our own plugins pass."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

from robusthash.testing import check_imports
from robusthash.testing.imports import PUBLIC, Fault, main

ROOT = Path(__file__).parents[1]

BAD = """
    import robusthash.training.trainer
    import robusthash.training as training
    import robusthash as rh
    from importlib import import_module
    from robusthash import cli
    from robusthash.contracts import Attack, evaluating, nonsense
    from robusthash.contracts.data.inputs import ArrayImages as Pictures
    from robusthash.training.trainer.objective import share_label
    from robusthash.files.storage import *
    from robusthash.evaluation import *
    from . import sibling
    import robusthash_other.private

    def use(model):
        from robusthash.errors import _rebuild
        training.train(model)
        training.trainer.loop.train(model)
        rh.metrics.psnr(model).whatever
        rh.hashing.codes.sign(model)
        return import_module("robusthash.host.loading")

    def shadowed(training):
        return training.rate, [rh.x for rh in training]
"""


def plugin(folder: Path, text: str, name: str = "bad.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def test_each_use_of_what_is_not_public_is_told_with_its_line_and_its_public_name(tmp_path: Path) -> None:
    path = plugin(tmp_path, BAD)
    found = [(fault.line, fault.name, fault.homes) for fault in check_imports(tmp_path)]
    assert found == [
        (2, "robusthash.training.trainer", ()),
        (6, "robusthash.cli", ()),
        (7, "robusthash.contracts.nonsense", ()),
        (8, "robusthash.contracts.data.inputs.ArrayImages", ("robusthash.contracts.ArrayImages",)),
        (9, "robusthash.training.trainer.objective.share_label", ("robusthash.training.share_label",)),
        (11, "robusthash.evaluation", ()),
        (16, "robusthash.errors._rebuild", ()),
        (18, "robusthash.training.trainer.loop.train", ("robusthash.training.train",)),
        (20, "robusthash.hashing.codes.sign", ("robusthash.hashing.sign",)),
        (21, "robusthash.host.loading", ()),
    ]
    fault = check_imports(path)[4]
    name = "robusthash.training.trainer.objective.share_label"
    assert str(fault) == f"{path}:9: {name} is not public; use robusthash.training.share_label"


def test_an_object_that_is_public_twice_is_told_twice(tmp_path: Path) -> None:
    plugin(tmp_path, "from robusthash.contracts.training.recipe import Recipe")
    (fault,) = check_imports(tmp_path)
    assert str(fault).endswith("use robusthash.contracts.Recipe or robusthash.training.Recipe")


def test_lazy_rooms_are_followed_to_where_their_names_are_defined(tmp_path: Path) -> None:
    plugin(tmp_path, "from robusthash.metrics.imagery import psnr\nfrom robusthash.testing.victims import toy_batch")
    homes = [fault.homes for fault in check_imports(tmp_path)]
    assert homes == [("robusthash.metrics.psnr",), ("robusthash.testing.toy_batch",)]


def test_tests_hidden_folders_and_other_files_are_left_out(tmp_path: Path) -> None:
    for name in ("tests/helper.py", "test_it.py", "conftest.py", ".venv/site.py", "notes.txt"):
        plugin(tmp_path, "from robusthash.cli import run", name)
    assert check_imports(tmp_path) == []
    plugin(tmp_path, "from robusthash.cli import run", "package/inner/tested.py")
    assert [fault.file.name for fault in check_imports(tmp_path)] == ["tested.py"]


def test_our_own_plugins_import_public_names_alone() -> None:
    assert check_imports(*(ROOT / "plugins").iterdir()) == []


@pytest.mark.parametrize("module", [name for name in PUBLIC if name != "robusthash.testing"])
def test_every_public_room_says_what_it_offers(module: str) -> None:
    room = import_module(module)
    assert room.__all__ == sorted(set(room.__all__), key=room.__all__.index)
    assert room.__all__
    for name in room.__all__:
        assert hasattr(room, name), name


def test_every_public_room_is_in_the_plugin_guide() -> None:
    guide = (ROOT / "docs" / "plugins" / "rules.md").read_text()
    assert [room for room in PUBLIC if f"`{room}`" not in guide] == []


def test_the_command_prints_a_line_for_each_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = plugin(tmp_path, "import os\nfrom robusthash.contracts import _private\n")
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == f"{path}:2: robusthash.contracts._private is not public\n"
    plugin(tmp_path, "from robusthash.contracts import Attack\n")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_what_cannot_be_read_ends_the_command_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "there is no" in capsys.readouterr().err
    plugin(tmp_path, "def (")
    assert main([str(tmp_path)]) == 2
    assert "bad.py" in capsys.readouterr().err


def test_the_module_runs_and_imports_neither_torch_nor_pytest(tmp_path: Path) -> None:
    plugin(tmp_path, BAD)
    command = [sys.executable, "-X", "importtime", "-m", "robusthash.testing.imports", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 10
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "robusthash.testing" in imported
    assert not imported & {"torch", "numpy", "pytest"}


def test_faults_are_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    plugin(tmp_path, "x = 1\nfrom robusthash.cli import run\nimport robusthash.host", "b.py")
    plugin(tmp_path, "from robusthash.cli import run", "a.py")
    found = check_imports(tmp_path)
    assert [(fault.file.name, fault.line) for fault in found] == [("a.py", 1), ("b.py", 2), ("b.py", 3)]
    assert all(isinstance(fault, Fault) for fault in found)
