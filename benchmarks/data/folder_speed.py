"""Measures how a folder of photographs is read: in the first epoch of a training, in the second, and by an encoding.

    python -m benchmarks.data.folder_speed [--photographs 20000] [--size 64] [--folder DIR]

Photographs: 320x240 JPEG of coarse noise in 20 classes, or those of a folder that is given. *Files* is
``decoded=none``, which decodes them in every epoch; *auto* is the default, which keeps what it has decoded; *again* is
another run of it. Each is a process of its own, and reads what a training and an encoding read: every photograph of the
train split in the order of each epoch, in batches of 128, then every one of the database in batches of 256. No network
computes, so that reading is all that is measured. All ways must give the same pixels and the same digest.

CPU seconds are of all threads and processes; the memory is the peak of a process's own pages, and that of its
pages of files, which the system takes back when it needs them.

Bounds: the first epoch of auto costs at most 1.2 times the CPU seconds of files, its second epoch and its encoding at
most a fifth of them. Exits with 1 if one is missed.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from robusthash.contracts import DatasetContext, Images, Recipe, Split
from robusthash.training.trainer.batches import batches
from robusthash_datasets.folder import Folder

DEARER, CHEAPER = 1.2, 5
CLASSES, BATCH, ENCODED = 20, 128, 256
WAYS = {"files": "none", "auto": "auto", "again": "auto"}
PARTS = ("load", "first epoch", "second epoch", "encoding")


def draw(folder: Path, count: int) -> None:
    """Photographs of coarse noise, a folder per class."""
    for number in range(count):
        home = folder / f"class{number % CLASSES:02d}"
        home.mkdir(exist_ok=True)
        coarse = np.random.default_rng(number).integers(0, 256, (15, 20, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC)
        picture.save(home / f"{number:05d}.jpg", quality=90)


def peak() -> dict[str, float]:
    """Megabytes that this process holds now and held at most: its own pages, and those of files."""
    status = Path("/proc/self/status").read_text()
    held = {name: int(amount) / 1024 for name, amount in re.findall(r"(\w+):\s+(\d+) kB", status)}
    return {"own": held["RssAnon"], "files": held["RssFile"], "peak": held["VmHWM"]}


def measure(folder: Path, cache: Path, decoded: Literal["auto", "none"], size: int) -> dict[str, object]:
    """CPU and wall seconds of each part, memory, and digests of what was read."""
    sha, seconds = hashlib.sha256(), {}

    def timed(name: str, start: tuple[float, float]) -> None:
        seconds[name] = (cpu() - start[0], time.perf_counter() - start[1])

    start = cpu(), time.perf_counter()
    data = Folder(size=size, decoded=decoded, train_share=1.0).load(DatasetContext(root=folder, cache=cache))
    digest = data.digest
    timed(PARTS[0], start)
    recipe = Recipe(batch_size=BATCH, augment="none")
    for epoch in range(2):
        start = cpu(), time.perf_counter()
        epochs(data.train, recipe, epoch)
        timed(PARTS[1 + epoch], start)
    start = cpu(), time.perf_counter()
    encoded(data.database.images)
    timed(PARTS[3], start)
    for first in range(0, len(data.train), ENCODED):  # digested outside of what is measured
        sha.update(data.train.images.read(range(first, min(first + ENCODED, len(data.train)))).numpy().data)
    return {"seconds": seconds, "memory": peak(), "pixels": sha.hexdigest(), "digest": digest}


def cpu() -> float:
    """CPU seconds of this process and of its finished children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def epochs(split: Split, recipe: Recipe, epoch: int) -> None:
    """Reads the batches of an epoch."""
    for _ in batches(split, recipe, seed=0, epoch=epoch, device=torch.device("cpu")):
        pass


def encoded(images: Images) -> None:
    """Reads every image in order, as an encoding does."""
    for first in range(0, len(images), ENCODED):
        images.inputs(range(first, min(first + ENCODED, len(images))))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.folder, Path(options.one[0]), options.one[1], options.size)))
        return 0
    with tempfile.TemporaryDirectory() as place:
        folder, cache = options.folder, Path(place) / "cache"
        if folder is None:
            folder = Path(place) / "photographs"
            folder.mkdir()
            draw(folder, options.photographs)
        found = {}
        for way in options.ways:
            command = [sys.executable, "-m", __spec__.name, "--folder", str(folder), "--size", str(options.size)]
            ran = subprocess.run(
                [*command, "--one", str(cache), WAYS[way]],
                check=True,
                stdout=subprocess.PIPE,
                env={**os.environ, "ROBUSTHASH_CACHE": str(cache)},
            )
            found[way] = json.loads(ran.stdout.splitlines()[-1])
        kept = sum(file.stat().st_blocks * 512 for file in (cache / "decoded").rglob("*.images"))
    return show(found, kept)


def show(found: dict[str, dict[str, Any]], kept: int) -> int:
    """Prints the table; 1 if a bound is missed."""
    if len({(one["pixels"], one["digest"]) for one in found.values()}) > 1:
        raise SystemExit("the ways disagree on the pixels or the digest")
    print(f"{'CPU s (wall s)':16}" + "".join(f"{part:>20}" for part in PARTS) + f"{'own MB':>10}{'peak MB':>10}")
    for way, one in found.items():
        cells = "".join(f"{one['seconds'][part][0]:11.1f} ({one['seconds'][part][1]:.1f})".rjust(20) for part in PARTS)
        print(f"{way:16}{cells}{one['memory']['own']:10.0f}{one['memory']['peak']:10.0f}")
    print(f"on disk: {kept / 1e6:.0f} MB")
    if "files" not in found or "auto" not in found:
        return 0
    files, auto = (found[way]["seconds"] for way in ("files", "auto"))
    good = auto["first epoch"][0] <= DEARER * files["first epoch"][0]
    good &= all(CHEAPER * auto[part][0] <= files[part][0] for part in PARTS[2:])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
