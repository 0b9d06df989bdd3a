"""CIFAR-10 as its authors distribute it: pickled batches, read only if their digests match."""

import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.contracts import DatasetContext
from robusthash.errors import DatasetError, StorageError
from robusthash.files.opening import read_file, there
from robusthash.files.storage import write_atomically
from robusthash_datasets.cifar.fetching import download, md5

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE, ARCHIVE_MD5 = "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"
FOLDER = "cifar-10-batches-py"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

#: The batches in the order that numbers the images, with the MD5 of each.
BATCHES: Mapping[str, str] = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}

#: All that is needed to unpickle an array.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """All 60,000 images, from either distribution.

    Attributes:
        pixels: (60000, 32, 32, 3) uint8.
        labels: (60000,) class numbers.
    """

    pixels: np.ndarray
    labels: np.ndarray


def read_official(context: DatasetContext) -> Source:
    """Reads the batches under ``--data-root``, or in the cache, where they are downloaded if missing.

    Raises:
        DatasetError: they are missing and cannot be downloaded, or are not the authors' files.
    """
    home = home_of(context)
    folder = next((place for place in (home / FOLDER, home) if there(place / "test_batch")), None)
    if folder is None:
        if context.root is not None:
            raise DatasetError(
                f"no {FOLDER} in {context.root}",
                hint=f"{how_to_get(context.root)}; without --data-root it is downloaded",
            )
        fetch(context, None)
        folder = home / FOLDER
    batches = [_batch(folder / name, digest) for name, digest in BATCHES.items()]
    return Source(
        pixels=np.concatenate([pixels for pixels, _ in batches]),
        labels=np.concatenate([labels for _, labels in batches]),
    )


def home_of(context: DatasetContext) -> Path:
    """The parent of the batches' folder: ``--data-root``, or the cache."""
    return context.root if context.root is not None else context.cache / "datasets"


def how_to_get(home: Path) -> str:
    """Instructions for a download by hand."""
    return f"download {URL} and unpack it as {home / FOLDER}"


def fetch(context: DatasetContext, source: Path | None) -> None:
    """Unpacks the batches from the authors' archive.

    Args:
        context: where they go.
        source: the archive, or a folder with it; None downloads it.

    Raises:
        DatasetError: the archive is not available, or is another file.
    """
    home = home_of(context)
    if source is None:
        archive = home / ARCHIVE
        remedy = how_to_get(home)
        if not there(archive):
            download(URL, archive, digest=ARCHIVE_MD5, progress=context.progress, remedy=remedy)
    else:
        archive = source / ARCHIVE if source.is_dir() else source
    try:
        content = read_file(archive)
    except OSError as error:
        raise DatasetError(f"cannot read {archive}: {error.strerror}", hint=f"download {URL}") from error
    if md5(content) != ARCHIVE_MD5:
        raise DatasetError(f"{archive} has MD5 {md5(content)}, not {ARCHIVE_MD5}", hint=f"download {URL} again")
    _unpack(content, home)


def _unpack(content: bytes, home: Path) -> None:
    try:
        (home / FOLDER).mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for name in BATCHES:
                member = archive.extractfile(f"{FOLDER}/{name}")
                if member is None:
                    raise DatasetError(f"no file {FOLDER}/{name} in {ARCHIVE}", hint=f"download {URL} again")
                write_atomically(home / FOLDER / name, member.read())
    except (OSError, StorageError, tarfile.TarError, KeyError) as error:
        raise DatasetError(
            f"cannot unpack {ARCHIVE} to {home}: {error}", hint="check free space and permissions"
        ) from error


def _batch(file: Path, digest: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        content = read_file(file)
    except OSError as error:
        raise DatasetError(f"cannot read {file}: {error.strerror}", hint=how_to_get(file.parent.parent)) from error
    if md5(content) != digest:
        raise DatasetError(
            f"{file} is not the authors' file: MD5 {md5(content)}, not {digest}", hint=how_to_get(file.parent.parent)
        )
    batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    pixels = np.asarray(batch["data"], dtype=np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pixels, np.asarray(batch["labels"], dtype=np.int64)


class _ArraysOnly(pickle.Unpickler):
    """Refuses anything but arrays: MD5 is not collision-resistant, so a matching digest is not enough."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise DatasetError(f"the batch would import {module}.{name}", hint=f"download {URL} again")
        return super().find_class(module, name)
