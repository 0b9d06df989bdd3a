"""CLIP's byte pairs: a word as the numbers of its pieces, by the published list of merges."""

import gzip
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from robusthash.errors import CheckpointError
from robusthash.files.opening import DAMAGED, open_file

PUBLISHED = 48_894  #: merges that CLIP has; its authors' file goes on with others
_LONGEST = 16 << 20  #: bytes of a list, unpacked; the longest published one has a fifth of it
_ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_LAST = "</w>"  #: marks the last piece of a word

Merge = tuple[str, str]


class BytePairs:
    """A vocabulary of pieces: every byte, every byte at the end of a word, a piece for each merge, and two marks.

    Args:
        merges: pairs of pieces that are joined to one, the most frequent first. Without any, pieces are single bytes.
    """

    def __init__(self, merges: Sequence[Merge] = ()) -> None:
        signs = list(_SIGNS.values())
        pieces = [*signs, *(sign + _LAST for sign in signs), *("".join(merge) for merge in merges)]
        self._numbers = {piece: number for number, piece in enumerate(pieces)}
        self._ranks = {merge: rank for rank, merge in enumerate(merges)}
        self.start = len(pieces)
        self.end = len(pieces) + 1

    def __len__(self) -> int:
        """Number of pieces, both marks included."""
        return self.end + 1

    def of(self, text: str) -> list[int]:
        """Numbers of the pieces of a text, in lower case, without marks.

        Unlike the published tokeniser, this one repairs neither broken Unicode nor HTML.
        """
        return [
            self._numbers[piece]
            for word in _words(unicodedata.normalize("NFC", text).lower())
            for piece in self._joined([_SIGNS[byte] for byte in word.encode()])
        ]

    def _joined(self, pieces: list[str]) -> list[str]:
        pieces = [*pieces[:-1], pieces[-1] + _LAST]
        while len(pieces) > 1:
            rank, best = min((self._ranks.get(pair, len(self._ranks)), pair) for pair in pairwise(pieces))
            if rank == len(self._ranks):
                break
            joined: list[str] = []
            for piece in pieces:
                if joined and (joined[-1], piece) == best:
                    joined[-1] = "".join(best)
                else:
                    joined.append(piece)
            pieces = joined
        return pieces


def read_merges(file: Path) -> list[Merge]:
    """The merges of a published list, plain or packed by gzip: a heading, and a pair of pieces on each line.

    Raises:
        CheckpointError: it is missing, damaged, too large, or another kind of file.
    """
    hint = "merges.txt or bpe_simple_vocab_16e6.txt.gz, as published with CLIP"
    try:
        with open_file(file) as opened:
            content = gzip.GzipFile(fileobj=opened) if file.suffix == ".gz" else opened
            text = content.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise OSError(27, f"it has more than {_LONGEST >> 20} MiB")
        lines = text.decode().splitlines()
    except DAMAGED as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise CheckpointError(f"cannot read the merges in {file}: {' '.join(reason.split())}", hint=hint) from error
    known = set(BytePairs()._numbers)
    merges: list[Merge] = []
    for number, line in enumerate(lines[1 : PUBLISHED + 1], start=2):
        pair = line.split()
        if len(pair) != 2 or not known.issuperset(pair):
            raise CheckpointError(f"{file}:{number}: {line[:40]!r} does not join two known pieces", hint=hint)
        known.add("".join(pair))
        merges.append((pair[0], pair[1]))
    if not lines or "#version" not in lines[0]:
        raise CheckpointError(f"{file}:1: a list of merges begins with its version", hint=hint)
    return merges


def _words(text: str) -> Iterator[str]:
    """Runs of letters, single digits, runs of other signs, and English endings."""
    rest = text
    while rest:
        ending = next((one for one in _ENDINGS if rest.startswith(one)), None)
        if ending is not None:
            yield ending
            rest = rest[len(ending) :]
            continue
        kind, run = next((kind, "".join(found)) for kind, found in groupby(rest, _kind))
        if kind == "Z":
            rest = rest[len(run) :]
            continue
        if kind == "N":
            run = run[0]
        yield run
        rest = rest[len(run) :]


def _kind(sign: str) -> str:
    """``L`` of a letter, ``N`` of a digit, ``Z`` of white space, ``S`` of all others."""
    kind = unicodedata.category(sign)[0]
    return "Z" if sign.isspace() else kind if kind in "LN" else "S"


def _signs() -> dict[int, str]:
    """A printable sign for each byte, in the published order: bytes that are printable first, as themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}


_SIGNS = _signs()
