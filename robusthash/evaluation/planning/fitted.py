"""Fitted attacks: files with what an attack has learnt. Importable without torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from robusthash.errors import UsageError
from robusthash.evaluation.planning.fitting import Fitting, read_fitting
from robusthash.evaluation.planning.names import AnyAttack, shown

if TYPE_CHECKING:
    from robusthash.contracts import Attack


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FittedAttack:
    """What an attack has learnt, in a file. It can be passed wherever an attack can, and is not learnt again.

    Attributes:
        path: of the safetensors file.
        fitting: how it was learnt: attack, options, surrogate, data, radius, seed, cost.
        cached: whether it had been learnt before.
        attack: the attack itself, if no plugin registers it.
    """

    path: Path
    fitting: Fitting
    cached: bool = True
    attack: "Attack | None" = None

    @classmethod
    def read(cls, path: str | Path, *, attack: "Attack | None" = None) -> Self:
        """A file that ``robusthash fit`` or :func:`robusthash.fit` has written.

        Args:
            path: of the file.
            attack: the attack itself, if no plugin registers it.

        Raises:
            CheckpointError: it is missing, a pickle, truncated, of another format, or no fitted attack.
        """
        return cls(path=Path(path), fitting=read_fitting(Path(path)), attack=attack)

    @property
    def name(self) -> str:
        """Name of the attack."""
        return self.fitting.attack.name

    @property
    def full_name(self) -> str:
        """``distribution/name`` of the attack."""
        return f"{self.fitting.attack.owner.partition(' ')[0]}/{self.name}"

    def __repr__(self) -> str:
        return f"<FittedAttack: {self.name} on {self.fitting.model_name}, {self.path}>"


def read_fitted(paths: Iterable[Path]) -> tuple[FittedAttack, ...]:
    """The fitted attacks in some files; a file that is named twice counts once.

    Raises:
        CheckpointError: as for :meth:`FittedAttack.read`.
    """
    return tuple(FittedAttack.read(path) for path in dict.fromkeys(paths))


def with_fitted(
    attacks: tuple[AnyAttack, ...] | None, fitted: tuple[FittedAttack, ...]
) -> tuple[AnyAttack, ...] | None:
    """The attacks of a request with the files of some: an attack that has a file is used with it alone.

    Args:
        attacks: as requested; None is the attack that models are ranked by.
        fitted: files, each of which adds its attack.
    """
    if not fitted:
        return attacks
    names = {one.name for one in fitted}
    return (*(attack for attack in attacks or () if shown(attack) not in names), *fitted)


def only_attack(attack: str | None, fitted: Path | None) -> AnyAttack:
    """The attack of a command that runs one: by its name, or by the file of what it has learnt.

    Args:
        attack: its name.
        fitted: the file.

    Raises:
        UsageError: neither is given, or they are of two attacks.
        CheckpointError: the file cannot be read, or is no fitted attack.
    """
    if fitted is None and attack is None:
        raise UsageError("no attack is named", hint="add --attack NAME, or --fitted FILE")
    if fitted is None:
        assert attack is not None  # noqa: S101 - as above
        return attack
    found = FittedAttack.read(fitted)
    if attack not in (None, found.name):
        raise UsageError(f"{fitted} is of attack {found.name!r}, not of {attack!r}", hint="leave --attack out")
    return found
