"""Files that do harm: MATLAB files that kill what parses them, pipes in the place of lists, paths that lead out."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from robusthash.contracts import DatasetContext
from robusthash.errors import DatasetError
from robusthash.files.archives import read_arrays
from robusthash_datasets.corel import Corel5k
from robusthash_datasets.folder import Folder
from robusthash_datasets.lists import Lists
from robusthash_datasets.mat import parser
from robusthash_datasets.mat.file import MatFile
from robusthash_datasets.originals.coco import Coco

SMALL: dict[str, Any] = {"size": 16, "resize": 20}
ROWS = [("images/0.png", "1 0"), ("images/1.png", "0 1")]


def at(root: Path) -> DatasetContext:
    return DatasetContext(root=root, cache=root / "cache")


# MATLAB files


def cells(file: Path) -> None:
    """A file of version 5 with a cell variable and one wrong byte, on which scipy ends in a segmentation fault."""
    names = np.empty((1, 3), dtype=object)
    names[0, :] = ["im1.jpg", "im2.jpg", np.zeros((2, 2))]
    savemat(file, {"FAll": names})
    content = bytearray(file.read_bytes())
    assert content[144] == 1, "the class of the variable: a cell"
    content[144] = 6
    file.write_bytes(content)


def test_a_file_that_kills_its_parser_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    cells(file)
    mat = MatFile(file, remedy="fetch it again")
    for _ in range(2):  # the next question starts another parser
        with pytest.raises(
            DatasetError, match=r"a\.mat: it is truncated or damaged: .* died of it \(SIGSEGV\)"
        ) as caught:
            mat.texts("FAll")
    assert caught.value.hint == "fetch it again"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import time; time.sleep(60)", "takes more than 0 seconds"),
        ("import sys; sys.stdout.write('noise'); sys.stdout.flush(); import os; os._exit(7)", r"exit code 7"),
        ("bytearray(9 << 30)", "more than 8 GiB of memory"),
        ("raise RecursionError('deep')", "deep"),
    ],
    ids=["hangs", "exits", "bomb", "recursion"],
)
def test_a_parser_has_so_much_time_and_memory(
    body: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fake" / "scipy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "io.py").write_text(f"def loadmat(*_, **__):\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path / "fake")
    if "sleep" in body:
        monkeypatch.setattr(parser, "PATIENCE", 0.2)
    savemat(tmp_path / "a.mat", {"LAll": np.zeros((2, 2))})
    with pytest.raises(DatasetError, match=told):
        MatFile(tmp_path / "a.mat", remedy="").labels("LAll")


def test_one_process_answers_for_a_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    original = parser.subprocess.Popen
    monkeypatch.setattr(parser.subprocess, "Popen", lambda *a, **k: (started.append(1), original(*a, **k))[1])
    values = np.arange(12, dtype=np.int32).reshape(3, 4)
    savemat(tmp_path / "a.mat", {"LAll": values})
    mat = MatFile(tmp_path / "a.mat", remedy="")
    for row in range(3):
        assert mat.read("LAll", (slice(None), row)).tolist() == values[row].tolist()
    mat.close()
    assert len(started) == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([[0, 7], [1, 0]], dtype=np.uint8), "row 1, column 2: 7 is neither 0 nor 1"),
        (np.array([[0, 1], [-1, 0]], dtype=np.int16), "row 2, column 1: -1 is neither"),
        (np.array([[0.5, 1.0]]), "row 1, column 1: 0.5 is neither"),
        (np.array([[0.0, np.nan]]), "row 1, column 2: nan is neither"),
    ],
)
def test_labels_are_told_by_row_and_column(values: np.ndarray, told: str, tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"LAll": values})
    with pytest.raises(DatasetError, match=rf"a\.mat: LAll, {told}"):
        MatFile(tmp_path / "a.mat", remedy="").labels("LAll")


# What is no file


@pytest.mark.parametrize("name", ["test_img.txt", "database_label.txt", "images/0.png"])
def test_a_pipe_in_a_dataset_of_lists_is_told(tree: Any, name: str) -> None:
    tree.pictures([path for path, _ in ROWS])
    for split in ("test", "database", "train"):
        tree.pairs(split, ROWS)
    (tree.root / name).unlink()
    os.mkfifo(tree.root / name)
    with pytest.raises(DatasetError, match=rf"{Path(name).name}.*: it is a named pipe"):
        Lists(**SMALL).load(at(tree.root)).query.images.read([0])


@pytest.mark.parametrize("name", ["labels.csv", "cat/0.png"])
def test_a_pipe_in_a_folder_is_told(tree: Any, name: str) -> None:
    tree.pictures([f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(1, 3)])
    os.mkfifo(tree.root / name)

    def read() -> None:
        data = Folder(**SMALL).load(at(tree.root))
        for split in (data.query, data.database):
            split.images.read(range(len(split)))

    with pytest.raises(DatasetError, match="it is a named pipe"):
        read()


@pytest.mark.parametrize(
    "load",
    [
        lambda root: Corel5k().load(at(root)),
        lambda root: Coco().read(root),
    ],
    ids=["corel", "coco"],
)
def test_a_pipe_in_the_place_of_annotations_is_told(load: Callable[[Path], object], tmp_path: Path) -> None:
    for name in ("annot.npz", "instances_train2014.json"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(DatasetError, match="it is a named pipe"):
        load(tmp_path)


# Paths that lead out


@pytest.mark.parametrize(
    ("path", "told"), [("/etc/passwd", "leaves"), ("../../a.png", "leaves"), ("images/a\0.png", "NUL")]
)
def test_a_listed_path_stays_in_its_folder_unless_it_is_allowed_out(tree: Any, path: str, told: str) -> None:
    for split in ("test", "database", "train"):
        tree.pairs(split, [ROWS[0], (path, "1 0")])
    with pytest.raises(DatasetError, match=rf"test_img\.txt:2: .*{told}"):
        Lists(**SMALL).load(at(tree.root))
    (tree.root / "labels.csv").write_text(f"path,labels\n0.png,x\n{path},y\n1.png,z\n", newline="")
    with pytest.raises(DatasetError, match=rf"labels\.csv:3: .*{told}"):
        Folder(**SMALL).load(at(tree.root))
    if told == "leaves":
        assert Lists(**SMALL, outside=True).load(at(tree.root)).query.ids == (ROWS[0][0], path)
        assert len(Folder(**SMALL, outside=True).load(at(tree.root)).database) == 2


# Archives


def archive(file: Path, **arrays: np.ndarray) -> None:
    np.savez(file, **arrays)  # type: ignore[arg-type]  # arrays by name


def _one_array(file: Path) -> None:
    with file.open("wb") as opened:
        np.save(opened, np.zeros(3))


def _bomb(file: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)})
    with zipfile.ZipFile(file, "w") as kept:
        kept.writestr("Y.npy", header.getvalue())


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda file: file.write_bytes(b""), "cannot read"),
        (lambda file: file.write_bytes(b"PK\x03\x04" + b"\0" * 50), "cannot read"),
        (_bomb, "cannot read"),
        (_one_array, "one array"),
        (lambda file: archive(file, Y=np.array([object()])), "cannot read"),
        (lambda file: archive(file, X=np.zeros(3)), "cannot read"),
    ],
    ids=["empty", "truncated", "bomb", "npy", "pickle", "key"],
)
def test_a_bad_archive_is_one_error(write: Callable[[Path], None], told: str, tmp_path: Path) -> None:
    write(tmp_path / "a.npz")
    with pytest.raises(DatasetError, match=told) as caught:
        read_arrays(tmp_path / "a.npz", ("Y",), hint="fetch it")
    assert caught.value.hint == "fetch it"


def test_labels_of_7_in_corels_annotations_are_told(tmp_path: Path) -> None:
    values = np.array([[1, 0], [7, 0]])
    names, splits = np.array(["a.jpg", "b.jpg"]), np.array(["test", "train"])
    archive(tmp_path / "annot.npz", name=names, Y=values, words=np.array(["x", "y"]), split=splits, cd=np.array([1, 2]))
    with pytest.raises(DatasetError, match=r"annot\.npz: Y, row 2, column 1: 7 is neither 0 nor 1"):
        Corel5k().load(at(tmp_path))
