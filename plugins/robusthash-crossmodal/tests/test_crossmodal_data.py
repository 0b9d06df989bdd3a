"""Datasets with captions: the contract, vocabularies, and what is told of files that are wrong."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import IMAGE, TEXT, Dataset, DatasetContext
from robusthash.errors import DatasetError, OptionError
from robusthash.testing import DatasetContract
from robusthash_crossmodal.data.bags import Words, bags_of
from robusthash_crossmodal.data.captioned import Captioned
from robusthash_crossmodal.data.flickr8k import Flickr8k
from robusthash_crossmodal.data.jpeg_images import JpegImages

CAPTIONS = ("a dog runs", "the dog and a ball", "a red ball", "dog dog dog", "a cat sleeps", "the ball is red")
SPLITS = {"train": [0, 1, 2, 3], "query": [4, 5]}


def context(root: Path, size: int | None = None) -> DatasetContext:
    return DatasetContext(root=root, cache=root / "cache", image_size=size)


def jpeg(seed: int, width: int = 24, height: int = 20) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=95)
    return content.getvalue()


def archive(root: Path, **changed: np.ndarray) -> Path:
    """Six photographs, the last two of them queries."""
    files = [jpeg(row) for row in range(6)]
    arrays = {
        "jpeg": np.frombuffer(b"".join(files), dtype=np.uint8),
        "offset": np.cumsum([0, *map(len, files)]),
        "name": np.array([f"{row}.jpg" for row in range(6)]),
        "role": np.array(["database"] * 4 + ["query"] * 2),
        "Y": np.eye(3, dtype=np.uint8)[[0, 1, 2, 0, 1, 2]],
        "concepts": np.array(["dog", "ball", "cat"]),
        "captions_json": np.frombuffer(
            json.dumps([[text, "a photograph"] for text in CAPTIONS]).encode(), dtype=np.uint8
        ),
    }
    np.savez(root / "flickr8k_4k_128.npz", **(arrays | changed))
    return root


def lists(root: Path) -> Path:
    """Four items of the database and two queries, without train files."""
    (root / "images").mkdir()
    for name, rows in (("test", [4, 5]), ("database", [0, 1, 2, 3])):
        for row in rows:
            (root / "images" / f"{row}.jpg").write_bytes(jpeg(row))
        parts = {
            "imgs": [f"images/{row}.jpg" for row in rows],
            "txts": [CAPTIONS[row] for row in rows],
            "labels": ["1 0" if row % 2 else "0 1" for row in rows],
        }
        for part, lines in parts.items():
            (root / f"cm_{name}_{part}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


class TestFlickr8k(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Flickr8k(size=16, least=1)

    @pytest.fixture
    def context(self, tmp_path: Path) -> DatasetContext:
        return context(archive(tmp_path))


class TestCaptioned(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Captioned(size=16, least=1)

    @pytest.fixture
    def context(self, tmp_path: Path) -> DatasetContext:
        return context(lists(tmp_path))


# --- vocabularies -----------------------------------------------------------------------------------------------------


def captions() -> dict[str, list[str]]:
    return {name: [CAPTIONS[row] for row in rows] for name, rows in SPLITS.items()}


def test_a_vocabulary_is_of_the_train_split(tmp_path: Path) -> None:
    """Frequent words of it, there or not; a word of a query alone is nowhere, and a second use reads the cache."""
    for _ in range(2):
        bags = bags_of(captions(), Words(least=2), tmp_path, where="here")
        view = bags["query"]
        assert view.vocabulary == ("ball", "dog")
        assert view.inputs([0, 1]).tolist() == [[0.0, 0.0], [1.0, 0.0]]
        assert bags["train"].inputs(range(4)).tolist() == [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
        assert len(list((tmp_path / "texts").iterdir())) == 1
    (kept,) = (tmp_path / "texts").iterdir()
    kept.write_bytes(kept.read_bytes()[:40])  # a damaged file is made again
    assert bags_of(captions(), Words(least=2), tmp_path, where="here")["query"].identity() == view.identity()


def test_other_options_make_other_vocabularies(tmp_path: Path) -> None:
    def vocabulary(**options: int | bool) -> tuple[str, ...] | None:
        return bags_of(captions(), Words(**options), tmp_path, where="here")["train"].vocabulary  # type: ignore[arg-type]

    assert vocabulary(least=1) == ("ball", "dog", "red", "runs")
    assert vocabulary(least=1, most=1) == ("dog",)
    assert vocabulary(least=1, stop_words=False) == ("and", "ball", "dog", "red", "runs", "the")
    with pytest.raises(DatasetError, match="here: no word is in 5 captions"):
        vocabulary(least=5)
    with pytest.raises(OptionError):
        vocabulary(least=0)


# --- files ------------------------------------------------------------------------------------------------------------


def test_photographs_and_captions_belong_together(tmp_path: Path) -> None:
    data = Flickr8k(size=20, least=1).load(context(archive(tmp_path)))
    view = data.query.view(TEXT)
    assert view.vocabulary is not None
    ball = view.vocabulary.index("ball")
    assert view.inputs([0, 1])[:, ball].tolist() == [0.0, 1.0]
    with Image.open(io.BytesIO(jpeg(5))) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[:, :, 2:22]
    assert torch.equal(data.query.images.read([1])[0], pixels)
    assert data.query.labels.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert data.train.ids == data.database.ids
    assert Flickr8k(size=20, least=1).load(context(tmp_path, size=12)).query.images.size == (12, 12)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"role": np.array(["database"] * 6)}, "0 queries, 6 others"),
        ({"Y": np.zeros((6, 2), dtype=np.uint8)}, "6 names, and lengths"),
        ({"offset": np.array([0, 5, 3, 7, 8, 9, 10])}, "offset does not count its bytes"),
        ({"offset": np.linspace(0, 1, 7)}, "offset does not count its bytes"),
        ({"offset": np.array([0, 1, 2, 3, 4, 5, 1 << 40])}, "offset goes to byte 1099511627776"),
        ({"offset": np.array([-9, 1, 2, 3, 4, 5, 6])}, "offset goes to byte 6"),
        ({"captions_json": np.frombuffer(b"[", dtype=np.uint8)}, "captions_json is not JSON"),
        ({"captions_json": np.frombuffer(b"[[]]", dtype=np.uint8)}, "no list of texts for item"),
    ],
)
def test_a_wrong_archive_is_told(changed: dict[str, np.ndarray], told: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=told):
        Flickr8k(least=1).load(context(archive(tmp_path, **changed)))


def test_a_photograph_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    data = Flickr8k(least=1, size=16).load(context(archive(tmp_path, jpeg=np.zeros(100_000, dtype=np.uint8))))
    with pytest.raises(DatasetError, match="image 1 cannot be read"):
        data.query.view(IMAGE).inputs([1])


def bomb() -> bytes:
    """A JPEG whose head claims 65,000 x 65,000 pixels."""
    content = bytearray(jpeg(0))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = (65_000).to_bytes(2, "big") * 2
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (bomb(), "exceeds limit"),
        (jpeg(0, width=2000, height=4), "2000x4 pixels are not a photograph"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "cannot be read"),
        (jpeg(0)[:300], "cannot be read"),
        (b"", "cannot be read"),
    ],
    ids=["bomb", "slim", "program", "cut", "empty"],
)
def test_a_strangers_photograph_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    images = JpegImages(content, [0], [len(content)], size=16, file=tmp_path / "flickr.npz")
    with pytest.raises(DatasetError, match=rf"image 0 cannot be read: .*{told}|{told}"):
        images.read([0])


@pytest.mark.parametrize(
    ("break_", "told"),
    [
        (lambda root: (root / "cm_test_imgs.txt").unlink(), "has no query items"),
        (lambda root: (root / "cm_test_txts.txt").write_text("one\n"), "has 2 lines, cm_test_txts.txt 1"),
        (lambda root: (root / "cm_test_labels.txt").write_text("1 0\n1 2\n"), "labels.txt:2: '2' is neither 0 nor 1"),
        (lambda root: (root / "cm_test_labels.txt").write_text("1 0\n1\n"), "labels.txt:2: 1 labels, and line 1 has 2"),
        (lambda root: (root / "cm_test_txts.txt").write_bytes(b"\xff\n\n"), "save it as UTF-8"),
        (lambda root: (root / "cm_test_txts.txt").unlink(), "no .*cm_test_txts.txt"),
    ],
)
def test_wrong_lists_are_told(break_: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    break_(lists(tmp_path))
    with pytest.raises(DatasetError) as caught:
        Captioned(least=1).load(context(tmp_path))
    assert re.search(told, str(caught.value))


def test_the_folder_has_to_be_named(tmp_path: Path) -> None:
    for dataset in (Flickr8k(), Captioned()):
        with pytest.raises(DatasetError, match="--data-root"):
            dataset.load(DatasetContext(root=None, cache=tmp_path))
    with pytest.raises(DatasetError, match=r"no .*flickr8k_4k_128\.npz"):
        Flickr8k().load(context(tmp_path))
    with pytest.raises(OptionError):
        Flickr8k(captions=0)
