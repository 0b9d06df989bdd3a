"""Draws the figures of the documentation: shapes that are drawn here, hashed, attacked and explained.

Usage: ``python docs/figures.py``. It draws the images, trains and attacks in a temporary folder, which takes minutes.
"""

import colorsys
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

HOWTO = Path(__file__).parent / "howto"
SIDE, FINE = 64, 4  #: pixels of an image; it is drawn so many times as large
EACH = 120  #: images of a shape
ATTACKS = ("mosaic", "brightness", "transparency", "noise", "rnm")
SETTING = ("--dataset", "folder", "--bits", "16", "--image-size", "64", "--epsilon", "8/255", "-o", "train.epochs=20")

Corner = tuple[float, float]
Draw = Callable[[ImageDraw.ImageDraw, Corner, float, tuple[int, ...]], None]


def main() -> None:
    """Draws all figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_images(folder / "shapes")
        attacks = [part for attack in ATTACKS for part in ("--attack", attack)]
        data = ("--data-root", "shapes", "--queries", "30", "-o", "rnm.steps=30")
        run(folder, "eval", "--model", "dpsh", *attacks, *SETTING, *data, "--keep-pictures", "1000")
        cam = HOWTO / "grad-cam.png"
        run(folder, "figure", "cam", *attacks, "--queries", "3", "--output", str(cam))
        record = next(folder.rglob("rnm-*.json"))
        run(folder, "figure", "worst", str(record), "--queries", "2", "--output", str(HOWTO / "worst.png"))
        run(folder, "figure", "bits", "--attack", "noise", "--attack", "rnm", "--output", str(HOWTO / "bits.svg"))
        run(folder, "figure", "distribution", *attacks, "--output", str(HOWTO / "distribution.svg"))


def run(folder: Path, *arguments: str) -> None:
    """Runs a command of robusthash in a folder."""
    own = {**os.environ, "ROBUSTHASH_CACHE": str(folder / "cache")}
    subprocess.run([sys.executable, "-m", "robusthash", *arguments], cwd=folder, env=own, check=True)  # noqa: S603


def draw_images(folder: Path) -> None:
    """Draws a folder for each shape: the shape somewhere, of some size, in about its own colour, on a grey ground."""
    generator = np.random.default_rng(0)
    for hue, (name, draw) in enumerate(SHAPES.items()):
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            drawn(draw, hue / len(SHAPES), generator).save(folder / name / f"{number:03d}.png")


def drawn(draw: Draw, hue: float, generator: np.random.Generator) -> Image.Image:
    """One image, of a shape whose hue is about this one, in [0, 1]."""
    ground = np.repeat(generator.integers(60, 200, size=(4, 4, 1), dtype=np.uint8), 3, axis=2)
    image = Image.fromarray(ground).resize((FINE * SIDE, FINE * SIDE), Image.Resampling.BICUBIC)
    size = FINE * SIDE * generator.uniform(0.16, 0.26)
    x, y = generator.uniform(size, FINE * SIDE - size, size=2)
    light = generator.uniform(0.5, 1)
    red, green, blue = colorsys.hsv_to_rgb(hue + generator.normal(0, 0.03), generator.uniform(0.5, 0.9), light)
    draw(ImageDraw.Draw(image), (x, y), size, (round(255 * red), round(255 * green), round(255 * blue)))
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def _disc(pen: ImageDraw.ImageDraw, at: Corner, size: float, colour: tuple[int, ...]) -> None:
    pen.ellipse((at[0] - size, at[1] - size, at[0] + size, at[1] + size), fill=colour)


def _ring(pen: ImageDraw.ImageDraw, at: Corner, size: float, colour: tuple[int, ...]) -> None:
    box = (at[0] - size, at[1] - size, at[0] + size, at[1] + size)
    pen.ellipse(box, outline=colour, width=round(size / 3))


def _square(pen: ImageDraw.ImageDraw, at: Corner, size: float, colour: tuple[int, ...]) -> None:
    pen.rectangle((at[0] - size, at[1] - size, at[0] + size, at[1] + size), fill=colour)


def _cross(pen: ImageDraw.ImageDraw, at: Corner, size: float, colour: tuple[int, ...]) -> None:
    pen.rectangle((at[0] - size, at[1] - size / 4, at[0] + size, at[1] + size / 4), fill=colour)
    pen.rectangle((at[0] - size / 4, at[1] - size, at[0] + size / 4, at[1] + size), fill=colour)


def _triangle(pen: ImageDraw.ImageDraw, at: Corner, size: float, colour: tuple[int, ...]) -> None:
    pen.polygon([(at[0], at[1] - size), (at[0] - size, at[1] + size), (at[0] + size, at[1] + size)], fill=colour)


SHAPES: dict[str, Draw] = {"cross": _cross, "disc": _disc, "ring": _ring, "square": _square, "triangle": _triangle}


if __name__ == "__main__":
    main()
