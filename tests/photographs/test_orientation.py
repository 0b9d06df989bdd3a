"""Every orientation is shown upright and stored as it was."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from robusthash.photographs import open_photograph


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", {"quality": 95, "subsampling": "4:4:4"}),
        (".png", {}),
        (".webp", {"lossless": True}),
        (".avif", {"quality": 100, "subsampling": "4:4:4"}),
        (".tif", {}),
        (".tif", {"compression": "tiff_lzw"}),
    ],
)
def test_every_orientation_is_shown_upright_and_stored_as_it_was(
    album: Any, camera: Any, orientation: int, suffix: str, options: dict[str, Any]
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path = album.add(f"a{suffix}", exif=exif, **options)
    corner = np.zeros_like(open_photograph(path).pixels, dtype=int)
    corner[:16, :24] = 40  # the upper left, as it is seen
    before, written, after = album.delivered(path, corner)
    turned = {1: 0, 2: 0, 3: 180, 4: 180, 5: 270, 6: 270, 7: 90, 8: 90}[orientation]
    expected = np.asarray(Image.fromarray(album.scene).rotate(turned, expand=True)).astype(int)
    if orientation in {2, 5, 7}:  # 5 and 7 are mirrored before they are turned
        expected = expected[:, ::-1]
    if orientation == 4:
        expected = np.asarray(Image.fromarray(album.scene)).astype(int)[::-1]
    assert np.abs(before.pixels - expected).mean() < 3
    assert np.abs(after.pixels.astype(int) - np.clip(before.pixels + corner, 0, 255)).mean() < 2
    with Image.open(path) as source, Image.open(written.path) as delivered:
        assert delivered.size == source.size
        assert delivered.getexif().get(274, 1) == orientation
        delivered.load()
        assert delivered.getexif().get(274, 1) == (1 if suffix == ".tif" else orientation)
