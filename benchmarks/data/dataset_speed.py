"""Measures what list files cost to open, and images to read: from the files, and from what is kept of them.

    python -m benchmarks.data.dataset_speed [--rows 200000] [--classes 80] [--images 512] [--repetitions 3]

Lists: *loop* is the field's, a ``numpy.array`` of the words of each line, on a tenth of the rows and scaled. *First*
parses the files, *again* reads the labels that were kept as bits, *floor* reads the files' bytes and nothing else. The
memory is the peak of a process that opens them, less that of one that only imports the same.

Images: noise of a photograph's size, JPEG, in batches of 64. *Files* decodes and resizes, *decoded* reads the
copies in the cache, *floor* copies as many bytes in memory. All must be the same pixels.

Bounds: opening again is at least ten times as fast as the loop, and either opening takes at most 200 MB; decoded images
are read at least five times as fast as files. Exits with 1 if one is missed.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from robusthash.contracts import DatasetContext, FileImages, Images
from robusthash_datasets.images.decoded import DecodedImages, DecodedStore
from robusthash_datasets.lists import Lists
from robusthash_datasets.lists.files import read_listing

FASTER, MEGABYTES, READS = 10, 200, 5
SHARE, BATCH = 10, 64  #: of the rows that the loop reads; images to a batch


def seconds(work: Callable[[], object], repetitions: int) -> float:
    """The CPU seconds of the cheapest of several runs, of all threads."""
    taken = []
    for _ in range(repetitions):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def write(root: Path, rows: int, classes: int) -> None:
    """A list dataset: nearly all of it is the database."""
    labels = np.random.default_rng(0).integers(0, 2, (rows, classes), dtype=np.uint8)
    text = np.full((rows, 2 * classes), ord(" "), dtype=np.uint8)
    text[:, ::2] = labels + ord("0")
    text[:, -1] = ord("\n")
    for split, count in (("test", 10), ("train", 10), ("database", rows)):
        (root / f"{split}_label.txt").write_bytes(text[:count].tobytes())
        (root / f"{split}_img.txt").write_text("".join(f"images/{split}{i:06d}.jpg\n" for i in range(count)))


def naive(root: Path, rows: int) -> np.ndarray:
    """Labels as the field's public code reads them."""
    with (root / "database_label.txt").open() as file:
        return np.array([[int(word) for word in next(file).split()] for _ in range(rows)])


def resident() -> float:
    """Peak resident memory of this process, in MB; on Linux without what the process that started it had."""
    status = Path("/proc/self/status")
    if status.is_file():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS, in bytes


def opened(root: Path, cache: Path) -> None:
    """Opens the dataset, as an evaluation does."""
    Lists().load(DatasetContext(root=root, cache=cache))


def peak(arguments: list[str]) -> float:
    """Peak resident memory of a process, in MB."""
    output = subprocess.run(
        [sys.executable, "-m", __spec__.name, *arguments], check=True, capture_output=True, text=True
    ).stdout
    return float(output)


def lists(folder: Path, options: argparse.Namespace) -> bool:
    """Opens the lists in every way; whether the bounds are kept."""
    root, cache = folder / "lists", folder / "cache"
    root.mkdir()
    write(root, options.rows, options.classes)
    few = options.rows // SHARE
    if (naive(root, few) != read_listing(root, "database").labels[:few].numpy()).any():
        raise SystemExit("the ways disagree on the labels")
    times = {
        "loop": SHARE * seconds(lambda: naive(root, few), 1),
        "first": seconds(lambda: opened(root, Path(tempfile.mkdtemp(dir=folder))), options.repetitions),
        "again": seconds(lambda: opened(root, cache), options.repetitions + 1),
        "floor": seconds(lambda: [file.read_bytes() for file in root.iterdir()], options.repetitions),
    }
    base = peak(["--open", "nothing"])
    fresh = tempfile.mkdtemp(dir=folder)
    memory = {"first": peak(["--open", str(root), fresh]) - base, "again": peak(["--open", str(root), fresh]) - base}
    print(f"{options.rows:,} rows x {options.classes} labels    CPU seconds   x faster        MB")
    for name, taken in times.items():
        told = f"{memory[name]:10.1f}" if name in memory else ""
        print(f"{name:28}{taken:12.3f}{times['loop'] / taken:11.1f}{told}")
    return times["loop"] >= FASTER * times["again"] and max(memory.values()) <= MEGABYTES


def read(images: Images) -> torch.Tensor:
    """All images, batch by batch."""
    parts = [images.read(range(first, min(first + BATCH, len(images)))) for first in range(0, len(images), BATCH)]
    return torch.cat(parts)


def pictures(folder: Path, options: argparse.Namespace) -> bool:
    """Reads images in every way; whether the bound is kept."""
    names = [f"{i}.jpg" for i in range(options.images)]
    for seed, name in enumerate(names):
        coarse = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC).save(folder / name, quality=90)
    files = FileImages(folder, names, size=224)
    start = time.process_time()
    store = DecodedStore([files], folder / "decoded")
    store.fill(lambda *_: None)
    filled = time.process_time() - start
    decoded = DecodedImages(files, store)
    held = read(files)
    if not torch.equal(held, read(decoded)):
        raise SystemExit("the ways disagree on the pixels")
    times = {
        "files": seconds(lambda: read(files), options.repetitions),
        "decoded": seconds(lambda: read(decoded), options.repetitions),
        "floor": seconds(held.clone, options.repetitions),
    }
    print(f"\n{options.images} images, 500x375 JPEG to 224   CPU s     x faster")
    for name, taken in times.items():
        print(f"{name:28}{taken:12.3f}{times['files'] / taken:11.1f}")
    print(f"decoding them once took {filled:.1f} CPU s")
    return times["files"] >= READS * times["decoded"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=80)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--open", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open is not None:
        if len(options.open) == 2:
            opened(Path(options.open[0]), Path(options.open[1]))
        print(resident())
        return 0
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        kept = [lists(Path(first), options), pictures(Path(second), options)]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
