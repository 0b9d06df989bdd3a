"""A copy of CIFAR-10 as JPEG bytes in one archive, a ninth of the size. Its pixels are not the official ones."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from robusthash.contracts import DatasetContext
from robusthash.errors import DatasetError
from robusthash.files.archives import read_arrays
from robusthash.files.contents import content_digest
from robusthash.files.opening import DAMAGED, there
from robusthash.files.storage import write_atomically
from robusthash_datasets.cifar.official import CLASSES, Source

NAME = "cifar10_jpeg_all60k.npz"
_HINT = (
    f"put {NAME} into --data-root: arrays jpeg (bytes of all files), offset (start of each file, and the end), "
    "label, split and classes; or use the official files"
)


def read_jpeg(context: DatasetContext) -> Source:
    """Reads the archive under ``--data-root``; decoded images are cached.

    Raises:
        DatasetError: it is missing, or not such an archive.
        StorageError: the cache cannot be written.
    """
    if context.root is None:
        raise DatasetError(f"the folder of {NAME} is not known", hint=f"give --data-root; {_HINT}")
    places = [context.root / NAME, context.root / "cifar10" / NAME]
    file = next((place for place in places if there(place)), None)
    if file is None:
        raise DatasetError(f"no {NAME} in {context.root}", hint=_HINT)
    arrays = read_arrays(file, ("jpeg", "offset", "label", "classes"), hint=_HINT)
    jpeg, offset, labels, classes = arrays.values()
    if tuple(classes.tolist()) != CLASSES or len(offset) != len(labels) + 1:
        raise DatasetError(f"{file} has other classes or lengths than CIFAR-10", hint=_HINT)
    if jpeg.dtype != np.uint8 or offset.dtype.kind not in "iu" or not _is_class_numbers(labels):
        raise DatasetError(f"{file} has jpeg {jpeg.dtype}, offset {offset.dtype}, label {labels.dtype}", hint=_HINT)
    digest = content_digest(file).hex()
    return Source(pixels=_decoded(jpeg, offset, file, digest, context), labels=labels.astype(np.int64))


def _is_class_numbers(labels: np.ndarray) -> bool:
    return labels.dtype.kind in "iu" and labels.ndim == 1 and bool(((labels >= 0) & (labels < len(CLASSES))).all())


def _decoded(jpeg: np.ndarray, offset: np.ndarray, file: Path, digest: str, context: DatasetContext) -> np.ndarray:
    kept = context.cache / "datasets" / f"cifar10-jpeg-{digest[:16]}.npy"
    shape = (len(offset) - 1, 32, 32, 3)
    if kept.is_file():
        try:
            pixels: np.ndarray = np.load(kept, allow_pickle=False)
        except DAMAGED:
            pixels = np.empty(0)  # damaged: decode again
        if pixels.shape == shape and pixels.dtype == np.uint8:
            return pixels
    pixels = _decode(jpeg, offset, file, context)
    buffer = io.BytesIO()
    np.save(buffer, pixels)
    write_atomically(kept, buffer.getvalue())
    return pixels


def _decode(jpeg: np.ndarray, offset: np.ndarray, file: Path, context: DatasetContext) -> np.ndarray:
    pixels = np.empty((len(offset) - 1, 32, 32, 3), dtype=np.uint8)
    content = jpeg.tobytes()

    def decode(rows: range) -> None:
        for row in rows:
            try:
                with Image.open(io.BytesIO(content[offset[row] : offset[row + 1]])) as image:
                    pixels[row] = np.asarray(image.convert("RGB"))
            except (OSError, SyntaxError, ValueError) as error:
                raise DatasetError(f"{file}: image {row} cannot be read: {error}", hint=_HINT) from error

    parts = [range(start, min(start + 1000, len(pixels))) for start in range(0, len(pixels), 1000)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(decode, parts), start=1):
            context.progress(done, len(parts), "decoding CIFAR-10")
    return pixels
