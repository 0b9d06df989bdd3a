"""A drawn scene before and after it is protected, and the change eight times as strong: the picture of the how-to page.

python -m benchmarks.photographs.before_and_after --model scenes.safetensors --data-root FOLDER --output protected.png
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robusthash.cli import run

HEIGHT, WIDTH = 240, 320
_GAIN = 8


def _noise(generator: np.random.Generator, height: int, width: int, octaves: int) -> NDArray[np.float64]:
    """Noise that looks alike at every scale, in [-1, 1]: (height, width)."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        cells = generator.normal(size=(2 ** (octave + 1), 2 ** (octave + 1))).astype(np.float32)
        total += np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    scaled: NDArray[np.float64] = total / np.abs(total).max()
    return scaled


def scene(seed: int = 4) -> np.ndarray:
    """An evening sky, two ridges and a meadow: (h, w, 3) uint8."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    up = y / HEIGHT
    picture = np.stack([90 + 150 * up, 140 + 60 * up, 200 - 60 * up], axis=2)
    sun = np.exp(-((x - 235) ** 2 + (y - 95) ** 2) / 350)
    picture += sun[..., None] * np.array([90, 60, 10])
    colours = (np.array([92, 104, 138]), np.array([48, 66, 58]))
    for colour, base, height in zip(colours, (125, 150), (46, 34), strict=True):
        line = base + height * _noise(generator, 1, WIDTH, 6)[0]
        rock = colour + 34 * _noise(generator, HEIGHT, WIDTH, 8)[..., None]
        picture = np.where((y > line)[..., None], rock, picture)
    grass = np.array([86, 112, 40]) + 46 * _noise(generator, HEIGHT, WIDTH, 8)[..., None]
    grass += 26 * generator.normal(size=(HEIGHT, WIDTH, 1))
    picture = np.where((y > 188 + 7 * np.sin(x / 38))[..., None], grass, picture)
    return picture.clip(0, 255).round().astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, delivered = Path(temporary, "photographs"), Path(temporary, "protected")
        folder.mkdir()
        before = scene()
        Image.fromarray(before).save(folder / "scene.png")
        command = [
            "attack",
            "--input",
            folder,
            "--output",
            delivered,
            "--model",
            args.model,
            "--data-root",
            args.data_root,
        ]
        if run([*map(str, command), "--quiet"]):
            raise SystemExit("the scene was not protected")
        after = np.asarray(Image.open(delivered / "scene.png"))
    change = (128 + _GAIN * (after.astype(int) - before)).clip(0, 255).astype(np.uint8)
    gap = np.full((HEIGHT, 8, 3), 255, dtype=np.uint8)
    Image.fromarray(np.concatenate([before, gap, after, gap, change], axis=1)).save(args.output, optimize=True)


if __name__ == "__main__":
    main()
