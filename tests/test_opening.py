"""Files of strangers: only regular ones are opened, at once, and what else has the name is told."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from robusthash.cli.config.files import read_config
from robusthash.contracts import DatasetContext, FileImages
from robusthash.errors import CheckpointError, DatasetError, InputError, OptionError
from robusthash.files.opening import open_file, read_file, there
from robusthash.files.tensors import load_tensors
from robusthash.results.records.reading import read_record


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (_pipe, "named pipe"),
    "socket": (_socket, "socket|No such device"),
    "device": (_device, "device"),
    "folder": (Path.mkdir, "folder"),
    "loop": (_loop, "[Ss]ymbolic link"),
    "gone": (lambda _: None, "[Nn]o such file|no image"),
}


@pytest.fixture(params=KINDS)
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    make, told = KINDS[request.param]
    make(tmp_path / "odd.png")
    return tmp_path / "odd.png", told


def test_what_is_no_file_is_refused_at_once(odd: tuple[Path, str]) -> None:
    path, told = odd
    with pytest.raises(OSError, match=told):
        open_file(path)
    assert there(path) is (told != KINDS["gone"][1])


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (lambda path: FileImages(path.parent, [path.name], size=16).read([0]), DatasetError),
        (load_tensors, CheckpointError),
        (read_config, InputError),
        (read_record, InputError),
    ],
    ids=["image", "checkpoint", "suite", "record"],
)
def test_every_reader_tells_it_in_one_error(
    odd: tuple[Path, str], read: Callable[[Path], object], kind: type[Exception]
) -> None:
    path, told = odd
    with pytest.raises(kind, match=told) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_an_endless_file_is_refused_by_its_size(tmp_path: Path) -> None:
    _sparse(tmp_path / "a")
    with pytest.raises(OSError, match="more than"):
        read_file(tmp_path / "a", at_most=1 << 20)
    (tmp_path / "b").write_bytes(b"x" * 100)
    assert read_file(tmp_path / "b", at_most=100) == b"x" * 100
    with pytest.raises(OSError, match="more than"):
        read_file(tmp_path / "b", at_most=99)


def test_a_nul_in_a_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="NUL"):
        open_file(tmp_path / "a\0b")
    assert not there(tmp_path / "a\0b")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/etc/passwd", "leaves the folder"),
        ("../secret.png", "leaves the folder"),
        ("a/../../secret.png", "leaves the folder"),
        ("a\0.png", "NUL"),
    ],
)
def test_a_path_that_leaves_the_root_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(DatasetError, match=f"list:2: the path .*{told}"):
        FileImages(tmp_path, ["fine.png", name], size=16, origin=lambda index: f"list:{index + 1}")


@pytest.mark.parametrize("name", ["a/../b.png", "a..b.png", "..a/b.png"])
def test_a_path_that_stays_inside_is_not(tmp_path: Path, name: str) -> None:
    assert FileImages(tmp_path, [name], size=16).names == (name,)


def test_a_path_may_leave_the_root_on_request(tmp_path: Path) -> None:
    images = FileImages(tmp_path, ["../a.png", "b.png"], size=16, outside=True)
    assert images.take([0]).names == ("../a.png",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"no picture", "it is not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n", "EPS is a program"),
    ],
)
def test_what_is_no_picture_says_what_it_is(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DatasetError, match=told):
        FileImages(tmp_path, ["a.png"], size=16).read([0])


@pytest.mark.parametrize("size", [-1, 0, 1, 7, 4097, 100_000])
def test_an_image_size_out_of_bounds_is_told_before_anything_is_read(tmp_path: Path, size: int) -> None:
    with pytest.raises(OptionError, match=rf"image-size is {size} \(from 8 to 4096"):
        DatasetContext(root=tmp_path, cache=tmp_path, image_size=size)
