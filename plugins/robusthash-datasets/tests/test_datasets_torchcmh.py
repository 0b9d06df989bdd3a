"""The layout of torchcmh: the permutation of its rows, names and labels in MATLAB files, and what is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.io import savemat

from robusthash.contracts import Dataset, DatasetContext
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash.testing import DatasetContract
from robusthash_datasets.literature import Flickr25kTorchCmh
from robusthash_datasets.mat.torchcmh import TorchCmh

COUNT = 10
PATHS = [f"im{i + 1}.jpg" for i in range(COUNT)]
LABELS = np.eye(COUNT, 4, dtype=np.uint8) | (np.arange(COUNT)[:, None] % 4 == np.arange(4))
FOLDER = Path("FLICKR-25K/torchcmh")


@dataclass(frozen=True, kw_only=True)
class Small(Flickr25kTorchCmh):
    known: ClassVar[Mapping[str, int]] = {"query": 3, "database": 7, "train": 4, "classes": 4}

    size: int = 16
    resize: int | None = 20


def write(root: Path, names: list[str] = PATHS, labels: np.ndarray = LABELS, **others: Any) -> DatasetContext:
    home = root / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    cells = np.empty((len(names), 1), dtype=object)
    cells[:, 0] = [f"{name} " for name in names]  # MATLAB pads
    savemat(home / "imgList.mat", {"FAll": cells} if "FAll" not in others else others)
    savemat(home / "tagList.mat", {"YAll": np.zeros((len(names), 5))})
    savemat(home / "labelList.mat", {"LAll": labels}, do_compression=True)
    return DatasetContext(root=root, cache=root / "cache")


class TestTorchCmh(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Small()

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        tree.pictures([f"FLICKR-25K/mirflickr/{name}" for name in PATHS])
        return write(tree.root)


def test_the_splits_are_those_of_numpys_old_generator(tmp_path: Path) -> None:
    np.random.seed(6)  # noqa: NPY002 - as torchcmh does it
    order = np.random.permutation(COUNT).tolist()  # noqa: NPY002
    data = Small().load(write(tmp_path))
    assert data.name == "flickr25k/torchcmh"
    for split, rows in ((data.query, order[:3]), (data.train, order[3:7]), (data.database, order[3:])):
        assert list(split.ids) == [PATHS[row] for row in rows]
        assert split.labels.tolist() == LABELS[rows].tolist()
    with pytest.raises(DatasetError, match=rf"imgList\.mat:{order[1] + 1}: no image .*mirflickr/{PATHS[order[1]]}"):
        data.query.images.read([1])
    inside = Small().load(DatasetContext(root=tmp_path / FOLDER, cache=tmp_path))
    assert inside.query.ids == data.query.ids


def test_broken_images_are_left_out_on_request_and_nothing_else_is(tree: Any) -> None:
    tree.pictures([f"FLICKR-25K/mirflickr/{name}" for name in PATHS])
    given = write(tree.root)
    assert Small(skip_broken=True).load(given).name == "flickr25k/torchcmh"
    (tree.root / "FLICKR-25K" / "mirflickr" / PATHS[0]).unlink()
    part = Small(skip_broken=True).load(given)
    assert part.name == "flickr25k/torchcmh-part"
    assert len(part.query) + len(part.database) == COUNT - 1


def test_wrong_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no .*imgList\.mat") as caught:
        Small().load(DatasetContext(root=tmp_path, cache=tmp_path))
    assert "deep-cross-modal-hashing" in str(caught.value.hint)
    for names, labels, told in (
        (PATHS, LABELS[:9], r"labelList\.mat: LAll has 9 rows for the 10 names in imgList\.mat"),
        (PATHS, LABELS * 2, r"labelList\.mat: LAll, row 1, column 1: 2 is neither 0 nor 1"),
        (PATHS[:6], LABELS[:6], r"imgList\.mat: 6 images are too few for 3 queries and 4 train items"),
        ([*PATHS[:4], "", *PATHS[5:]], LABELS, r"imgList\.mat: FAll, row 5, names no image"),
    ):
        with pytest.raises(DatasetError, match=told):
            Small().load(write(tmp_path, list(names), labels))
    given = write(tmp_path)
    savemat(tmp_path / FOLDER / "imgList.mat", {"names": LABELS})
    with pytest.raises(DatasetError, match=r"imgList\.mat: it has no FAll; it has names"):
        Small().load(given)
    (tmp_path / FOLDER / "imgList.mat").write_bytes(b"im1.jpg\n" * 100)
    with pytest.raises(DatasetError, match=r"imgList\.mat: it is not a MATLAB file"):
        Small().load(given)
    (tmp_path / FOLDER / "imgList.mat").write_bytes(b"\x89HDF\r\n\x1a\n" * 100)
    with pytest.raises(DatasetError, match=r"imgList\.mat: it is of MATLAB version 7\.3, not version 5"):
        Small().load(given)


def test_published_counts_are_compared(tree: Any) -> None:
    tree.pictures([f"FLICKR-25K/mirflickr/{name}" for name in PATHS])
    given = write(tree.root, PATHS[:9], LABELS[:9])
    found = [finding for finding in verify(Small(), given)[0] if finding.level == "error"]
    assert [finding.what for finding in found] == ["6 items, published: 7"]
    assert found[0].where.endswith("imgList.mat")
    assert Flickr25kTorchCmh.permutation == 6
    assert TorchCmh.lists_released
