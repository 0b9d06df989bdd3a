"""All errors that robusthash raises on purpose, and the exit code that each ends a command with.

::

    RobustHashError                 1
    ├── UsageError                  2   an invalid name, option or value
    │   ├── UnknownNameError        2   nothing is registered under this name
    │   ├── AmbiguousNameError      2   two distributions have this name
    │   ├── OptionError             2   an option's name or value is wrong
    │   └── CapabilityError         2   the attack needs something that the model, dataset or threat does not provide
    ├── InputError                  2   an unusable file or folder
    │   ├── DatasetError            2
    │   │   └── UnreadablePhotograph 2  one photograph is broken or refused; the others are not
    │   └── CheckpointError         2
    ├── MissingDependencyError      2   an optional package is not installed
    ├── PluginError                 1   a plugin cannot be loaded, or violates its contract
    │   ├── SpecError               1   a hook yielded something that is not a valid spec
    │   └── ContractError           1   a plugin object violated its contract
    ├── TrainingError               1   training diverged or collapsed
    ├── MemoryLimitError            1   out of memory even with the smallest batch
    └── StorageError                1   a result or artifact could not be written

The Python API warns with :class:`RobustHashWarning` where the command line writes to standard error and goes on, and
with :class:`RobustHashNote` where nothing is wrong and something is worth knowing.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = [
    "AmbiguousNameError",
    "CapabilityError",
    "CheckpointError",
    "ContractError",
    "DatasetError",
    "InputError",
    "MemoryLimitError",
    "MissingDependencyError",
    "OptionError",
    "PluginError",
    "RobustHashDeprecationWarning",
    "RobustHashError",
    "RobustHashNote",
    "RobustHashWarning",
    "SpecError",
    "StorageError",
    "TrainingError",
    "UnknownNameError",
    "UnreadablePhotograph",
    "UsageError",
]


class RobustHashError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: what is wrong, and where (file, line, option, plugin and version).
        hint: how to fix it.
        sketch: lines that show what was expected, such as a tree of folders; they are shown one below the other.

    Attributes:
        owner: whose code raised it: distribution and version, or a file of the user's own; None if that is unknown.
    """

    exit_code = 1
    message: str = ""
    hint: str | None = None
    sketch: tuple[str, ...] = ()
    owner: str | None = None

    def __init__(self, message: str, *, hint: str | None = None, sketch: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.sketch = tuple(sketch)

    def __str__(self) -> str:
        return "\n".join((f"{self.message} ({self.hint})" if self.hint else self.message, *self.sketch))

    def __reduce__(self) -> tuple[object, ...]:
        # Errors are pickled in worker processes, and a subclass may have other arguments than the message.
        return _rebuild, (type(self), self.message, self.hint, self.sketch, self.owner)


class RobustHashWarning(UserWarning):
    """Something failed, such as one cell of an evaluation, and the rest goes on."""


class RobustHashNote(RobustHashWarning):
    """Nothing is wrong, and something is worth knowing once: how data was read, or what is kept on disk."""


class RobustHashDeprecationWarning(RobustHashWarning, FutureWarning):
    """Something will be removed; the message says in which version, and what to use instead. Shown by default."""


class UsageError(RobustHashError):
    """A name, option or value is invalid."""

    exit_code = 2


class UnknownNameError(UsageError):
    """Nothing of this kind is registered under this name.

    Args:
        kind: what was looked for, in the singular: ``attack``, ``model`` ...
        name: what the user wrote.
        known: the names that exist; the closest is suggested.
        where: the option or file the name came from, if any.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        known_text = f"known: {', '.join(names)}" if names else f"no {kind} is installed"
        hint = f"did you mean {near[0]!r}? {known_text}" if near else known_text
        super().__init__(f"unknown {kind} {name!r}" + (f" in {where}" if where else ""), hint=hint)


class AmbiguousNameError(UsageError):
    """Two distributions have this short name."""

    def __init__(self, kind: str, name: str, owners: Iterable[str]) -> None:
        full = sorted(f"{owner}/{name}" for owner in owners)
        super().__init__(f"{kind} {name!r} has several owners", hint=f"write {' or '.join(full)}")


class OptionError(UsageError):
    """An option's name or value is wrong."""


class CapabilityError(UsageError):
    """An attack needs something that the model, dataset or threat does not provide."""


class InputError(RobustHashError):
    """A file or folder given by the user is unusable."""

    exit_code = 2


class DatasetError(InputError):
    """A dataset is missing, unreadable or inconsistent."""


class UnreadablePhotograph(DatasetError):  # noqa: N818 - it is left out and named, and the run goes on
    """A photograph is broken, or of a kind that is refused."""


class CheckpointError(InputError):
    """A checkpoint cannot be read, or belongs to another model."""


class MissingDependencyError(RobustHashError):
    """An optional package is not installed."""

    exit_code = 2


class PluginError(RobustHashError):
    """A plugin cannot be loaded, or violates its contract."""


class SpecError(PluginError):
    """A hook yielded something that is not a valid spec."""


class ContractError(PluginError):
    """A plugin object violated its contract."""


class TrainingError(RobustHashError):
    """Training diverged, or its codes retrieve no better than random ones."""


class MemoryLimitError(RobustHashError):
    """Out of memory even with the smallest batch."""


class StorageError(RobustHashError):
    """A result or an artifact could not be written."""


def _rebuild(
    kind: type[RobustHashError], message: str, hint: str | None, sketch: Sequence[str], owner: str | None
) -> RobustHashError:
    error = kind.__new__(kind)
    RobustHashError.__init__(error, message, hint=hint, sketch=sketch)
    error.owner = owner
    return error
