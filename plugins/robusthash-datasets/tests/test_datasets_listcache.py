"""What is kept of list files: the same as the files say, refreshed with them, and small in memory."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robusthash_datasets.lists import cache as listcache
from robusthash_datasets.lists.files import read_listing
from robusthash_datasets.lists.rows import read_rows, split_lines

ROWS = [("a b.jpg", "1 0 0"), ("ö.jpg", "0 1 1"), ("c.jpg", "0 0 0")]


def kept(cache: Path) -> list[Path]:
    return sorted((cache / "lists").glob("*.npz"))


@pytest.mark.parametrize("layout", ["pairs", "columns"])
def test_the_second_reading_is_the_first(tree: Any, tmp_path: Path, layout: str) -> None:
    getattr(tree, layout)("test", ROWS)
    first = read_listing(tree.root, "test", tmp_path / "cache")
    assert len(kept(tmp_path / "cache")) == 1
    again = read_listing(tree.root, "test", tmp_path / "cache")
    assert again.paths == first.paths == tuple(path for path, _ in ROWS)
    assert torch.equal(again.labels, first.labels)
    assert again.labels.dtype == torch.uint8
    assert (again.file, again.digests, again.faults) == (first.file, first.digests, ())


def test_the_second_reading_does_not_parse(tree: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.pairs("test", ROWS)
    read_listing(tree.root, "test", tmp_path)
    monkeypatch.delattr("robusthash_datasets.lists.files.split_lines")
    assert len(read_listing(tree.root, "test", tmp_path).paths) == 3


def test_a_changed_list_is_read_again(tree: Any, tmp_path: Path) -> None:
    tree.pairs("test", ROWS)
    read_listing(tree.root, "test", tmp_path)
    tree.pairs("test", [(ROWS[0][0], "0 0 1"), *ROWS[1:]])
    assert read_listing(tree.root, "test", tmp_path).labels[0].tolist() == [0, 0, 1]


def test_a_broken_cache_is_read_over(tree: Any, tmp_path: Path) -> None:
    tree.pairs("test", ROWS)
    first = read_listing(tree.root, "test", tmp_path)
    file = kept(tmp_path)[0]
    for content in (b"", b"no archive", file.read_bytes()[:-40]):
        file.write_bytes(content)
        assert read_listing(tree.root, "test", tmp_path).paths == first.paths


def test_a_cache_that_cannot_be_written_is_done_without(tree: Any, tmp_path: Path) -> None:
    tree.pairs("test", ROWS)
    (tmp_path / "file").write_text("in the way")
    assert len(read_listing(tree.root, "test", tmp_path / "file").paths) == 3
    assert not listcache.write(tmp_path / "file", ["a"], ["b"], np.zeros((1, 1), dtype=np.uint8))


def test_faulty_lists_are_not_kept(tree: Any, tmp_path: Path) -> None:
    tree.pairs("test", [*ROWS, ("d.jpg", "1 0")])
    for _ in range(2):
        assert [fault.row for fault in read_listing(tree.root, "test", tmp_path).faults] == [3]
    assert kept(tmp_path) == []


@pytest.mark.parametrize("gap", [" ", "  ", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n", " \t\r\n"])
def test_rows_are_read_however_they_are_spaced(tree: Any, gap: str, end: str) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (9, 5))
    text = "".join(gap.join(map(str, row)) + end for row in rows)
    (tree.root / "test_label.txt").write_bytes(text.encode())
    (tree.root / "test_img.txt").write_bytes("".join(f"{i}.jpg{end}" for i in range(9)).encode())
    (tree.root / "column.txt").write_bytes(
        "".join(f"{i}.jpg {gap.join(map(str, r))}{end}" for i, r in enumerate(rows)).encode()
    )
    for split in ("test", "column"):
        listing = read_listing(tree.root, split)
        assert not listing.faults
        assert listing.labels.tolist() == rows.tolist()
        assert listing.paths == tuple(f"{i}.jpg" for i in range(9))


def test_only_the_usual_way_is_read_at_once() -> None:
    text = b"a.jpg 1 0 1\nb.jpg 1  0 1\nc.jpg 1 0 2\n1 0 1\nd.jpg\t1 0 1\n"
    rows, others = read_rows(split_lines(text, Path("x")), 3, after_path=True)
    assert others == [1, 2, 3, 4]
    assert rows.tolist() == [[1, 0, 1], [0] * 3, [0] * 3, [0] * 3, [0] * 3]
    rows, others = read_rows(split_lines(b"1 0\n1 0 1\n", Path("x")), 2, after_path=False)
    assert (rows.tolist(), others) == ([[1, 0], [0, 0]], [1])


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["pairs", "columns"])
def test_two_hundred_thousand_rows_take_little_memory(tree: Any, tmp_path: Path, layout: str) -> None:
    rows, classes = 200_000, 80
    labels = np.random.default_rng(0).integers(0, 2, (rows, classes), dtype=np.uint8)
    text = np.full((rows, 2 * classes), ord(" "), dtype=np.uint8)
    text[:, ::2] = labels + ord("0")
    text[:, -1] = ord("\n")
    names = [f"images/{i:06d}.jpg" for i in range(rows)]
    if layout == "pairs":
        (tree.root / "test_label.txt").write_bytes(text.tobytes())
        (tree.root / "test_img.txt").write_text("".join(f"{name}\n" for name in names))
    else:
        body = np.char.add([f"{name} " for name in names], text.view(f"S{2 * classes}")[:, 0].astype(str))
        (tree.root / "test.txt").write_text("".join(body.tolist()))
        del body
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        listing = read_listing(tree.root, "test", tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1] / 2**20)
        tracemalloc.stop()
        assert (listing.labels.numpy() == labels).all()
        assert listing.paths == tuple(names)
    assert max(peaks) < 200, peaks
