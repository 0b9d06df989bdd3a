"""Measures what is left of a change when a photograph is written again in the format of its file.

    python -m benchmarks.photographs.photograph_files DIR [--photographs 20] [--levels 8]

DIR has photographs, such as ``coco_mini/images``. Each is stored in every format, opened, changed by random signs of
4x4 pixels, written and opened again. *Unchanged* is the mean difference of levels if nothing is changed, *worst* its
largest, *kept* the change that arrives, as its projection on the one that was asked for, in the mean and at least;
*size* is that of the delivered file over the source's, and *CPU* what opening and writing takes for a megapixel.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from robusthash.photographs import Photograph, list_photographs, open_photograph, write_photograph

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG, quality 95, 4:2:0": (".jpg", "RGB", {"quality": 95}),
    "JPEG, quality 85, 4:2:0": (".jpg", "RGB", {"quality": 85}),
    "JPEG, quality 75, 4:2:0": (".jpg", "RGB", {"quality": 75}),
    "JPEG, quality 85, 4:4:4": (".jpg", "RGB", {"quality": 85, "subsampling": "4:4:4"}),
    "JPEG, quality 85, grey": (".jpg", "L", {"quality": 85}),
    "JPEG, quality 85, CMYK": (".jpg", "CMYK", {"quality": 85}),
    "PNG": (".png", "RGB", {}),
    "WebP, lossless": (".webp", "RGB", {"lossless": True}),
    "WebP, quality 80": (".webp", "RGB", {"quality": 80}),
    "AVIF, quality 75": (".avif", "RGB", {"quality": 75}),
    "TIFF, LZW": (".tif", "RGB", {"compression": "tiff_lzw"}),
    "GIF": (".gif", "P", {}),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What becomes of one photograph."""

    unchanged: float
    worst: float
    kept: float
    size: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photographs", type=int, default=20)
    parser.add_argument("--levels", type=int, default=8)
    given = parser.parse_args()
    paths = list_photographs(given.folder)[: given.photographs]
    print(f"{len(paths)} photographs, {given.levels} levels")
    print("| file | unchanged | worst | kept | at least | size | CPU s |\n| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        source, output = Path(place) / "source", Path(place) / "output"
        source.mkdir()
        for name, (suffix, mode, options) in KINDS.items():
            rows = []
            for path in paths:
                file = source / f"{path.stem}{suffix}"
                with Image.open(path) as image:
                    image.convert("RGB").convert(mode).save(file, **options)
                rows.append(measured(file, output, given.levels))
            print(f"| {name} |", " | ".join(summary(rows)), "|", flush=True)


def measured(file: Path, output: Path, levels: int) -> Row:
    start = time.process_time()
    photograph = open_photograph(file)
    clean = delivered(photograph, photograph.pixels, output)
    cpu = time.process_time() - start
    asked = photograph.pixels.astype(int) + signs(photograph, levels)
    changed = np.clip(asked, 0, 255).astype(np.uint8)
    wanted = changed.astype(float) - photograph.pixels
    found = delivered(photograph, changed, output).astype(float) - photograph.pixels
    difference = np.abs(clean.astype(int) - photograph.pixels)
    return Row(
        unchanged=float(difference.mean()),
        worst=float(difference.max()),
        kept=float((found * wanted).sum() / (wanted**2).sum()),
        size=next(output.iterdir()).stat().st_size / file.stat().st_size,
        cpu=cpu / (photograph.pixels.size / 3e6),
    )


def delivered(photograph: Photograph, pixels: np.ndarray, output: Path) -> np.ndarray:
    """The pixels of the written file, which is the only one in its folder."""
    for old in output.iterdir() if output.is_dir() else ():
        old.unlink()
    return open_photograph(write_photograph(photograph, pixels, output).path).pixels


def signs(photograph: Photograph, levels: int) -> np.ndarray:
    height, width = photograph.pixels.shape[:2]
    planes = 1 if photograph.grey else 3
    drawn = np.random.default_rng(0).choice([-levels, levels], size=((height + 3) // 4, (width + 3) // 4, planes))
    return np.kron(drawn, np.ones((4, 4, 1), dtype=int))[:height, :width]


def summary(rows: list[Row]) -> list[str]:
    def mean(value: Callable[[Row], float]) -> float:
        return float(np.mean([value(row) for row in rows]))

    return [
        f"{mean(lambda row: row.unchanged):.2f}",
        f"{max(row.worst for row in rows):.0f}",
        f"{mean(lambda row: row.kept):.2f}",
        f"{min(row.kept for row in rows):.2f}",
        f"{mean(lambda row: row.size):.2f}",
        f"{mean(lambda row: row.cpu):.2f}",
    ]


if __name__ == "__main__":
    main()
