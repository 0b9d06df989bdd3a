"""What a JPEG keeps of how it was written."""

from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_keeps_its_tables_and_sampling(album: Any, subsampling: str, progressive: bool) -> None:
    tables = [[3 + i // 4 for i in range(64)], [9 + i // 3 for i in range(64)]]
    path = album.add("a.jpg", qtables=tables, subsampling=subsampling, progressive=progressive)
    _, written, _ = album.delivered(path, 3)
    with Image.open(path) as source, Image.open(written.path) as delivered:
        assert delivered.quantization == source.quantization
        assert [part[1:3] for part in delivered.layer] == [part[1:3] for part in source.layer]
        assert bool(delivered.info.get("progressive")) == progressive


def test_a_jpeg_in_red_green_and_blue_stays_so(album: Any) -> None:
    path = album.add("a.jpg", keep_rgb=True)
    _, written, _ = album.delivered(path)
    with Image.open(written.path) as delivered:
        assert [part[0] for part in delivered.layer] == [ord(name) for name in "RGB"]


def test_a_subsampling_that_cannot_be_written_is_told(album: Any) -> None:
    path = album.add("a.jpg", subsampling="4:2:2", quality=95)
    content = path.read_bytes()
    frame = content.index(b"\xff\xc0")
    # 4:4:0 is 4:2:2 turned, as a JPEG is that was turned without loss: 1x2 factors of the luminance.
    path.write_bytes(content[: frame + 11] + b"\x12" + content[frame + 12 :])
    _, written, _ = album.delivered(path)
    assert "rare subsampling" in written.notes[0]
    with Image.open(written.path) as delivered:
        assert {part[1:3] for part in delivered.layer} == {(1, 1)}


def test_ycck_becomes_cmyk(album: Any) -> None:
    path = album.add("a.jpg", mode="CMYK", quality=95)
    content = path.read_bytes()
    place = content.index(b"Adobe") + 11
    path.write_bytes(content[:place] + b"\x02" + content[place + 1 :])
    before, written, after = album.delivered(path)
    assert "YCCK" in written.notes[0]
    assert np.abs(before.pixels.astype(int) - after.pixels).mean() < 1
