"""Which files are photographs, which are refused, and how they are named and written."""

import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.errors import DatasetError, InputError, StorageError, UsageError
from robusthash.photographs import (
    UnreadablePhotograph,
    list_photographs,
    open_photograph,
    recompress,
    require_other_folder,
    write_photograph,
)
from robusthash.photographs.naming import delivered_name

# Listing


def test_photographs_are_listed_by_suffix_in_order(album: Any) -> None:
    for name in ("b.JPG", "a.png", "c.Tiff", "d.webp", "e.HEIC", "f.nef", "notes.txt", ".hidden.jpg", "._a.jpg", "g"):
        (album.folder / name).write_bytes(b"")
    (album.folder / "folder.jpg").mkdir()
    (album.folder / "folder.jpg" / "inside.jpg").write_bytes(b"")
    assert [path.name for path in list_photographs(album.folder)] == [
        *("a.png", "b.JPG", "c.Tiff", "d.webp", "e.HEIC", "f.nef")
    ]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, "No such file"),
        (lambda path: path.write_text("x"), "Not a directory"),
        (lambda path: path.mkdir(), "has no photographs"),
    ],
)
def test_no_photographs_are_an_input_error(tmp_path: Path, make: Callable[[Path], Any], words: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(InputError, match=words) as caught:
        list_photographs(tmp_path / "x")
    assert caught.value.hint
    assert caught.value.exit_code == 2


# Refusing


def bomb(path: Path) -> None:
    """The start of a PNG of 20000x20000 pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(60001)))]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks)
    )


def truncated(album: Any, suffix: str) -> None:
    path = album.add(f"a{suffix}", np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


#: (how to make it, words of the error)
REFUSED: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "missing": ("a.jpg", lambda _: None, "No such file"),
    "empty": ("a.jpg", lambda a: (a.folder / "a.jpg").write_bytes(b""), "it is empty"),
    "text": ("a.jpg", lambda a: (a.folder / "a.jpg").write_text("hello"), "it is not an image"),
    "folder": ("a.jpg", lambda a: (a.folder / "a.jpg").mkdir(), "a folder"),
    "pipe": ("a.jpg", lambda a: os.mkfifo(a.folder / "a.jpg"), "a named pipe"),
    "truncated jpeg": ("a.jpg", lambda a: truncated(a, ".jpg"), "truncated"),
    "truncated png": ("a.png", lambda a: truncated(a, ".png"), "cannot read photograph"),
    "truncated webp": ("a.webp", lambda a: truncated(a, ".webp"), "cannot read photograph"),
    "truncated tiff": ("a.tif", lambda a: truncated(a, ".tif"), "cannot read photograph"),
    "truncated avif": ("a.avif", lambda a: truncated(a, ".avif"), "cannot read photograph"),
    "animated gif": ("a.gif", lambda a: a.frames("a.gif"), "animated, 2 frames"),
    "animated webp": ("a.webp", lambda a: a.frames("a.webp"), "animated, 2 frames"),
    "animated png": ("a.png", lambda a: a.frames("a.png"), "animated, 2 frames"),
    "animated avif": ("a.avif", lambda a: a.frames("a.avif"), "animated, 2 frames"),
    "tiff of two pages": ("a.tif", lambda a: a.frames("a.tif"), "it has 2 pages"),
    "float tiff": ("a.tif", lambda a: a.add("a.tif", a.grey.astype(np.float32)), "no known range"),
    "bomb": ("a.png", lambda a: bomb(a.folder / "a.png"), r"400000000 pixels.*limit of 178956970"),
    "thread of pixels": ("a.png", lambda a: a.add("a.png", np.zeros((1, 3000, 3), dtype=np.uint8)), "3000x1"),
    "postscript": ("a.jpg", lambda a: a.add("a.jpg", format="EPS"), "a program"),
    "raw": ("a.nef", lambda a: a.add("a.nef", format="TIFF"), "raw file"),
    "heic": ("a.heic", lambda a: (a.folder / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99)), "HEIC"),
    "nul": ("a\0.jpg", lambda _: None, "NUL"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photograph_is_named(album: Any, name: str) -> None:
    file, make, words = REFUSED[name]
    make(album)
    with pytest.raises(UnreadablePhotograph, match=words) as caught:
        open_photograph(album.folder / file)
    assert str(album.folder / file) in caught.value.message
    assert caught.value.hint
    assert isinstance(caught.value, DatasetError)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp", "avif"])
def test_damaged_bytes_are_a_photograph_or_an_error(album: Any, camera: Any, kind: str) -> None:
    exif = {"exif": camera.exif(orientation=6)} if kind in {"png", "jpeg", "webp", "avif"} else {}
    path = album.add("a.bin", album.scene[:30, :30], format=kind, **exif)
    whole = path.read_bytes()
    generator = np.random.default_rng(1)
    written = refused = 0
    for _ in range(25 if kind == "avif" else 60):
        damaged = np.frombuffer(whole, dtype=np.uint8).copy()
        damaged[generator.integers(0, min(len(damaged), 300), 4)] = generator.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        try:
            photograph = open_photograph(path)
        except UnreadablePhotograph:
            refused += 1
            continue
        if photograph.pixels.size > 1e6:
            continue  # its size was flipped: sound, and slow
        write_photograph(photograph, photograph.pixels, album.output)
        written += 1
    assert written or kind in {"png", "avif"}, "all but these two take damage for pixels"
    assert refused


def test_a_smaller_copy_is_no_further_page(album: Any) -> None:
    from PIL import Image

    small = Image.fromarray(album.scene[::4, ::4])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    path = album.add("a.tif", save_all=True, append_images=[small])
    before, written, after = album.delivered(path)
    assert np.array_equal(before.pixels, album.scene)
    assert np.array_equal(after.pixels, album.scene)
    with Image.open(written.path) as image:
        assert image.n_frames == 1


# Naming


@pytest.mark.parametrize(
    ("names", "delivered"),
    [
        (["a.jpg", "a.png"], {"a.jpg": "a.jpg", "a.png": "a.png"}),
        (["A.jpg", "a.jpg"], {"A.jpg": "A.jpg", "a.jpg": "a (2).jpg"}),
        (["A.jpg", "a (2).jpg", "a.jpg"], {"a.jpg": "a (3).jpg", "a (2).jpg": "a (2).jpg"}),
        (["A.JPG", "A.jpg", "a (2).jpg", "a.jpg"], {"A.JPG": "A.JPG", "A.jpg": "A (3).jpg", "a.jpg": "a (4).jpg"}),
        (["e\u0301.jpg", "\u00e9.jpg"], {"e\u0301.jpg": "e\u0301.jpg", "\u00e9.jpg": "\u00e9 (2).jpg"}),
        (["a.gif", "a.png"], {"a.gif": "a.gif.png", "a.png": "a.png"}),
        (["a.gif", "a.gif.png"], {"a.gif": "a.gif.png.png", "a.gif.png": "a.gif.png"}),
        (["A.gif", "a.gif"], {"A.gif": "A.gif.png", "a.gif": "a (2).gif.png"}),
    ],
)
def test_no_two_photographs_become_one_file(album: Any, names: list[str], delivered: dict[str, str]) -> None:
    for name in names:
        (album.folder / name).touch()
    found = {name: delivered_name(album.folder / name, ".png" if name.endswith(".gif") else None) for name in names}
    assert {name: found[name] for name in delivered} == delivered
    assert len({name.casefold() for name in found.values()}) == len(names)


def test_a_palette_beside_a_png_of_its_name(album: Any) -> None:
    album.add("a.gif", 255 - album.scene)
    album.add("a.png")
    for path in list_photographs(album.folder):
        album.delivered(path)
    assert sorted(path.name for path in album.output.iterdir()) == ["a.gif.png", "a.png"]
    assert np.array_equal(open_photograph(album.output / "a.png").pixels, album.scene)


def test_a_name_that_is_not_utf8(album: Any) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    path = album.add("a.png").rename(album.folder / name)
    _, written, after = album.delivered(path, 1)
    assert written.path.name == name
    assert after.pixels.shape == album.scene.shape


def test_the_longest_name(album: Any) -> None:
    path = album.add("a.png").rename(album.folder / f"{'é' * 125}x.png")
    assert len(os.fsencode(path.name)) == 255
    _, written, _ = album.delivered(path)
    assert written.path.name == path.name


# Writing


def test_the_source_is_never_overwritten(album: Any, tmp_path: Path) -> None:
    path = album.add("a.png")
    before = path.read_bytes()
    photograph = open_photograph(path)
    link = tmp_path / "link"
    link.symlink_to(album.folder)
    for folder in (album.folder, link, album.folder / ".." / "album"):
        with pytest.raises(UsageError, match="would be overwritten"):
            write_photograph(photograph, photograph.pixels, folder)
        with pytest.raises(UsageError, match="would be overwritten"):
            require_other_folder(album.folder, folder)
    require_other_folder(album.folder, tmp_path / "new")
    album.output.mkdir()
    (album.output / "a.png").symlink_to(path)
    write_photograph(photograph, 255 - photograph.pixels, album.output)
    assert path.read_bytes() == before, "a link to the source is replaced, not followed"


def test_files_have_the_mode_of_the_umask(album: Any) -> None:
    path = album.add("a.png")
    old = os.umask(0o027)
    try:
        _, written, _ = album.delivered(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o640


def test_a_file_is_written_whole_or_not_at_all(album: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = album.add("a.png")
    album.delivered(path)
    before = (album.output / "a.png").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("robusthash.files.storage.os.fsync", full)
    photograph = open_photograph(path)
    with pytest.raises(StorageError, match="No space left"):
        write_photograph(photograph, 255 - photograph.pixels, album.output)
    assert [(one.name, one.read_bytes()) for one in album.output.iterdir()] == [("a.png", before)]


def test_a_folder_in_the_place_of_the_file(album: Any) -> None:
    photograph = open_photograph(album.add("a.png"))
    (album.output / "a.png").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"a\.png"):
        write_photograph(photograph, photograph.pixels, album.output)


def test_writing_again_gives_the_same_file(album: Any) -> None:
    for name in ("A.jpg", "a.jpg", "a.gif"):
        album.add(name)
    first = {path.name: album.delivered(path)[1].path.read_bytes() for path in list_photographs(album.folder)}
    again = {path.name: album.delivered(path)[1].path.read_bytes() for path in reversed(list_photographs(album.folder))}
    assert first == again
    assert len(list(album.output.iterdir())) == 3


def test_recompression_is_that_of_services(album: Any) -> None:
    from PIL import Image

    found = recompress(album.scene, 80)
    assert found.shape == album.scene.shape
    assert found.dtype == np.uint8
    path = album.add("a.jpg", quality=80, subsampling="4:2:0")
    with Image.open(path) as image:
        assert np.array_equal(found, np.asarray(image))
    worse = np.abs(recompress(album.scene, 20).astype(int) - album.scene).mean()
    assert worse > np.abs(found.astype(int) - album.scene).mean() > 0
