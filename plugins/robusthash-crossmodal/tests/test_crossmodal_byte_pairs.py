"""CLIP's byte pairs: hand-worked numbers, and files that are none."""

import gzip
from pathlib import Path

import pytest

from robusthash.errors import CheckpointError
from robusthash_crossmodal.victims.networks.clip.tokens import BytePairs, read_merges

MERGES = [("d", "o"), ("do", "g</w>"), ("a", "t</w>"), ("c", "at</w>")]
A, S, LAST = ord("a") - ord("!"), ord("s") - ord("!"), 256  #: places of signs, and of those at the end of a word


@pytest.fixture
def merges(tmp_path: Path) -> Path:
    """A list of a few merges."""
    file = tmp_path / "merges.txt"
    file.write_text("#version: 0.2\n" + "".join(f"{one} {other}\n" for one, other in MERGES), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("dog", [513]),
        ("Dogs", [512, A + 6, S + LAST]),  # do g s: "g" is not the end of the word
        ("do", [A + 3, A + 14 + LAST]),
        ("at cat", [514, 515]),
        ("dog's", [513, ord("'") - ord("!"), S + LAST]),
        ("12", [ord("1") - ord("!") + LAST, ord("2") - ord("!") + LAST]),  # digits are words of their own
        ("a-b", [A + LAST, ord("-") - ord("!") + LAST, A + 1 + LAST]),
        ("e\u0301", [0xC3 - 0xAE + 94 + 12, 0xA9 - 0xA1 + 94 + LAST]),  # composed to one letter, of two bytes
        (" ", []),
    ],
)
def test_byte_pairs(text: str, numbers: list[int]) -> None:
    """Numbers are those of the printable bytes in order, then at a word's end, then of the merges in order."""
    pairs = BytePairs(MERGES)
    assert pairs.of(text) == numbers
    assert (pairs.start, pairs.end, len(pairs)) == (516, 517, 518)


def test_merges_are_read_plain_or_packed(merges: Path, tmp_path: Path) -> None:
    packed = tmp_path / "bpe.txt.gz"
    packed.write_bytes(gzip.compress(merges.read_bytes()))
    assert read_merges(merges) == read_merges(packed) == MERGES


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"d o\n", "begins with its version"),
        ("a.txt", b"", "begins with its version"),
        ("a.txt", b"#version: 0.2\nd o\ndoo g\n", ":3: 'doo g' does not join"),
        ("a.txt", b"#version: 0.2\nd o g\n", ":2: 'd o g' does not join"),
        ("a.txt", b"#version\n\xff \xfe", "cannot read the merges"),
        ("a.txt.gz", b"#version: 0.2\nd o\n", "cannot read the merges"),
        ("a.txt.gz", gzip.compress(bytes(17 << 20)), "more than 16 MiB"),
    ],
)
def test_other_files_are_refused(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=told):
        read_merges(tmp_path / name)
