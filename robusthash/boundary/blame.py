"""Exceptions of foreign code become project errors that name whose code raised them."""

import asyncio
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal, Self

from robusthash.boundary.ownership import CORE_OWNER, Whose, marked, whose
from robusthash.errors import ContractError, DatasetError, PluginError, RobustHashError, UsageError

_FIX = "fix the file; --debug shows the traceback"
_REPORT = "report it to its authors; --debug shows the traceback"
_LONGEST = 400  #: characters of an exception's text that are shown


class ProcessExitError(BaseException):
    """Foreign code called ``os._exit``, which would have ended the process without a word."""


class TimeLimitError(BaseException):
    """Foreign code took longer than it may. Not an Exception, so that a handler for all of these does not stop it."""


class blaming:  # noqa: N801 - read as a verb: `with blaming(attack, "perturb a batch"):`
    """Turns exceptions of a block into project errors, and does nothing else; see :class:`foreign` for the rest.

    The innermost frame that belongs to a marked object decides who is blamed; if there is none, the argument does.
    Project errors, Ctrl-C and exhausted memory pass, the first with the owner of the code that raised it.

    Args:
        thing: whose code is called: a marked object, or its :class:`Whose`. None is this package itself: what breaks
            in no marked object passes unchanged, as a fault of ours or of the caller.
        asked: what is asked of it, as an infinitive without "to": ``load the dataset``.

    Raises:
        PluginError: anything else was raised, by a plugin.
        UsageError: likewise, by a file of the user's own.
    """

    def __init__(self, thing: object, asked: str) -> None:
        self._thing = thing
        self._asked = asked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if error is not None:
            self._blame(error)
        return False

    def _blame(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):
            return
        if isinstance(error, RobustHashError):
            if error.owner is None:
                _name(error, self._found(error))
            return
        if out_of_memory(error):
            return
        if self._found(error) is None:
            return  # of this package or of the caller, such as of a progress bar: not for a cell to report
        raise self.translated(error) from error

    @property
    def _named(self) -> str:
        return "robusthash" if self._thing is None else str(whose(self._thing))

    def _found(self, error: BaseException) -> Whose | None:
        """Whose code raised: the innermost marked object on the way from the block to the exception."""
        for frame in reversed(list(_frames(error))):
            found = marked(frame.f_locals.get("self"))
            if found is not None:
                return found
        return None if self._thing is None else whose(self._thing)

    def translated(self, error: BaseException) -> RobustHashError:
        """The project error for an exception of the block."""
        found = self._found(error)
        if found is None:
            own_fault = RobustHashError(
                f"internal error: {told(error)}", hint="run again with --debug for the traceback"
            )
            own_fault.owner = CORE_OWNER
            return own_fault
        did = f"{_deed(error)}{_place(error)}"
        if self._thing is None or found != whose(self._thing):
            message = f"{found} {did}, while {self._named} was to {self._asked}"
        else:
            message = f"{found} was to {self._asked}, and {did}"
        kind = UsageError if found.users else PluginError
        made = kind(message, hint=_FIX if found.users else _REPORT)
        made.owner = found.owner
        return made


def breach(thing: object, did: str, *, hint: str) -> ContractError:
    """An error for an object that violated its contract.

    Args:
        thing: the object; the error names whose code it is.
        did: what it did, as the rest of a sentence: ``returned None``.
        hint: what it should do.
    """
    found = whose(thing)
    error = ContractError(f"{found} {did}", hint=hint)
    error.owner = found.owner
    return error


def told(error: BaseException) -> str:
    """Class and text of an exception in one line, also of one that cannot tell its text.

    >>> told(KeyError("a"))
    "KeyError: 'a'"
    """
    kind = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except BaseException as broken:
        return f"{kind}, whose text cannot be shown: its __str__ raised {type(broken).__name__}"
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
    if isinstance(error, RobustHashError):
        return text
    return f"{kind}: {text}" if text else kind


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, which a smaller batch may cure; see :mod:`robusthash.memory`."""
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    from robusthash.memory import is_out_of_memory  # it imports torch, and where torch raised, that is loaded

    return is_out_of_memory(error)


def _name(error: RobustHashError, found: Whose | None) -> None:
    """Notes whose code raised a project error; a fault of a plugin names it in its message, too."""
    if found is None:
        return
    error.owner = found.owner
    if isinstance(error, PluginError | DatasetError) and found.owner not in error.message:
        error.message = f"{found}: {error.message}"
        error.args = (error.message,)


def _deed(error: BaseException) -> str:
    if isinstance(error, ProcessExitError | TimeLimitError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"tried to end the process with exit code {error.code!r} (SystemExit)"
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError | GeneratorExit):
        return f"raised {type(error).__name__}, although nobody interrupted it"
    return f"raised {told(error)}"


def _frames(error: BaseException) -> Iterator[FrameType]:
    for frame, _ in traceback.walk_tb(error.__traceback__):
        yield frame


def _place(error: BaseException) -> str:
    """File and line of the innermost foreign code: the last frame beside the first one of neither us nor a library."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    folder, place = "", ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = frame.f_code.co_filename
        if not folder and not path.startswith(_known_folders()):
            folder = str(Path(path).parent)
        if folder and str(Path(path).parent) == folder:
            place = f" ({Path(path).name}, line {line})"
    return place


def _known_folders() -> tuple[str, ...]:
    """Folders whose code only passes calls on: this package's, Python's own, and those of torch and pluggy."""
    passing = [sys.modules[name].__file__ for name in ("robusthash", "os", "torch", "pluggy") if name in sys.modules]
    return "<frozen", *(str(Path(file).parent) + os.sep for file in passing if file)
