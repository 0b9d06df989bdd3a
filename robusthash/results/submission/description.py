"""``submission.toml``: who submits, under which terms, and how the weights are found."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from robusthash.errors import InputError
from robusthash.files.documents import told
from robusthash.files.opening import read_file
from robusthash.results.rendering.escaping import visible

FILE = "submission.toml"

_LARGEST = 1 << 20  #: bytes

_Line = Annotated[str, Meta(min_length=1, max_length=300)]
_Note = Annotated[str, Meta(max_length=1000)]
_Address = Annotated[str, Meta(pattern=r"""^(https://[^\s<>"'`\\]+)?$""", max_length=500)]
_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{12,64}$")]
_Licence = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.+() -]+$", max_length=100)]


class Weights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the weights of a model are found.

    Attributes:
        digest: at least 12 digits of the digest that records have of the model.
        url: of the file with the weights; empty if they are trained.
        command: that trains or imports them, where no file is needed; empty if there is a file.
    """

    digest: _Digest
    url: _Address = ""
    command: _Note = ""

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.command):
            raise ValueError(f"weights {self.digest} need either a url or a command")


class Description(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A submission, in the words of who made it.

    Attributes:
        who: the authors.
        contact: where they are reached.
        licence: of the weights, as an SPDX identifier.
        paper: address of the publication; empty if there is none.
        code: address of the code; empty if the released plugins suffice.
        weights: of the models.
        note: anything else, in one line.
    """

    who: _Line
    contact: _Line
    licence: _Licence
    paper: _Address = ""
    code: _Address = ""
    weights: tuple[Weights, ...] = ()
    note: _Note = ""

    def __post_init__(self) -> None:
        for name, text in self._texts():
            if not text.isprintable():
                raise ValueError(f"{name} has a character that does not print")

    def tells(self, digest: str) -> bool:
        """Whether it says how the weights with this digest are found."""
        return any(digest.startswith(one.digest) for one in self.weights)

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield from {"who": self.who, "contact": self.contact, "note": self.note}.items()
        yield from (("weights.command", one.command) for one in self.weights)


def read_description(path: Path) -> Description:
    """Reads the description of a submission.

    Raises:
        InputError: it is missing, is no TOML, or an entry is missing, unknown or wrong.
    """
    hint = "write who, contact, licence and [[weights]]: docs/public-leaderboard.md has an example"
    try:
        content = tomllib.loads(read_file(path, at_most=_LARGEST).decode("utf-8-sig"))
        return msgspec.convert(content, Description)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", hint=hint) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: {visible(told(error))}", hint=hint) from error
