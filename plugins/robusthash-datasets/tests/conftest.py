"""Tiny trees of pictures in the layouts that the datasets arrive in."""

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(path: Path, seed: int, size: tuple[int, int] = (40, 30)) -> None:
    """Writes a small picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


class Tree:
    """A data root with list files and pictures."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def pictures(self, names: Sequence[str]) -> None:
        for seed, name in enumerate(names):
            picture(self.root / name, seed)

    def pairs(self, split: str, rows: Sequence[tuple[str, str]], folder: str = "") -> None:
        """ProS-GAN's layout: a file of paths beside a file of rows."""
        home = self.root / folder
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{split}_img.txt").write_text("".join(f"{path}\n" for path, _ in rows))
        (home / f"{split}_label.txt").write_text("".join(f"{row}\n" for _, row in rows))

    def columns(self, split: str, rows: Sequence[tuple[str, str]], end: str = "\n") -> None:
        """HashNet's layout: path and labels in a line."""
        (self.root / f"{split}.txt").write_bytes("".join(f"{path} {row}{end}" for path, row in rows).encode())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "data"
    root.mkdir()
    return Tree(root)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real images and lists, for tests that need them."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    named = os.environ.get("ROBUSTHASH_DATA")
    folder = Path(named) if named else beside
    if not folder.is_dir():
        pytest.skip("no real data: set ROBUSTHASH_DATA to a folder with them")
    return folder


@pytest.fixture(scope="session")
def protocols(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released list files, unpacked."""
    archive = real_data / "protocols" / "protocols.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no list files: {archive}")
    folder = tmp_path_factory.mktemp("protocols")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return folder
