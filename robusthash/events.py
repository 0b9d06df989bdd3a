"""What observers are told: of a run, its cells, its end, and the epochs of its trainings. Importable without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from robusthash.errors import RobustHashError
from robusthash.specs import Direction, Norm

__all__ = ["CellInfo", "Ending", "EpochInfo", "ErrorInfo", "RunEnd", "RunInfo"]


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """The whole request of a run. Objects are told by their names.

    Attributes:
        models: what is scored.
        attacks: what they are attacked with; None is the attack that models are ranked by.
        surrogates: what the attacks are crafted on; if empty, each model itself.
        vary: values that options of attacks are swept over, by attack, then by option.
        bits: code lengths asked for.
        defenses: of the models; ``none`` is no defense.
        directions: what searches for what; if empty, the dataset's first.
        epsilons: radii: shares of the box; in other norms texts such as ``l2:0.5``, and of the dataset's own the norm;
            if empty, and without edits, the dataset's in L-infinity.
        edits: radii of threats that count, as ``3`` or ``words:3``: the most edits of one text.
        dataset: its name.
        data_root: folder with its files, as given.
        image_size: height and width asked for; None is the dataset's own.
        queries: number of queries asked for; None is all.
        backbone: its name; None is the one that the dataset suggests.
        weights: initial weights of the backbone: ``none``, ``default`` or a file.
        checkpoint: file of the trained weights, as given.
        retriever: its name, or ``auto``.
        metrics: ranking metrics; the first is the headline.
        score_by: what queries are scored by: ``codes``, or ``retriever``, whose lists then are.
        relevance: when an item is relevant to a query.
        options: by plugin, then by field; ``train`` is the training recipe.
        seed: of everything random.
        shard_size: queries per shard; None is the default.
        device: ``cpu``, ``cuda`` or ``auto``.
        qualities: JPEG qualities at which the queries are hashed again.
        precision: arithmetic of the attacks' passes.
        compiled: whether surrogates are compiled.
        results: the results folder.
        executor: class of what runs the shards.
        force: whether stored cells are evaluated again.
    """

    models: tuple[str, ...]
    attacks: tuple[str, ...] | None
    surrogates: tuple[str, ...]
    vary: Mapping[str, Mapping[str, Any]]
    bits: tuple[int, ...]
    defenses: tuple[str, ...]
    directions: tuple[Direction, ...]
    epsilons: tuple[float | str, ...]
    edits: tuple[str, ...]
    dataset: str
    data_root: str | None
    image_size: int | None
    queries: int | None
    backbone: str | None
    weights: str
    checkpoint: str | None
    retriever: str
    metrics: tuple[str, ...]
    score_by: str
    relevance: str
    options: Mapping[str, Mapping[str, Any]]
    seed: int
    shard_size: int | None
    device: str
    qualities: tuple[int, ...]
    precision: str
    compiled: bool
    results: str
    executor: str
    force: bool

    def plain(self) -> dict[str, Any]:
        """The request as a dictionary of plain values, as trackers of experiments take it. It may be changed."""
        return {name: _plain(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class CellInfo:
    """A cell of a run: one attack on one victim at one radius.

    Attributes:
        model: name of the victim.
        bits: its code length; None for descriptors.
        defense: what hardens it; None for an undefended model.
        attack: name of the attack.
        options: options of the attack that are swept over, with the values of this cell.
        epsilon: radius as a share of the box; in L2 a length in widths of the box; in a norm that counts, a number of
            edits.
        surrogate: name of the model that the attack is crafted on; None is the victim.
        direction: what searches for what.
        norm: of the threat.
    """

    model: str
    bits: int | None
    defense: str | None
    attack: str
    options: Mapping[str, Any]
    epsilon: float
    surrogate: str | None
    direction: Direction
    norm: Norm = Norm.LINF


@dataclass(frozen=True, kw_only=True)
class ErrorInfo:
    """What went wrong.

    Attributes:
        kind: class of the error, such as ``TrainingError``.
        message: what is wrong, and where.
        hint: how to fix it, if that is known.
    """

    kind: str
    message: str
    hint: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> "ErrorInfo":
        """What an exception tells, without the exception: its traceback holds everything that was computed on.

        >>> ErrorInfo.of(ValueError("no luck"))
        ErrorInfo(kind='ValueError', message='no luck', hint=None)
        """
        kind = type(error).__name__
        if isinstance(error, RobustHashError):
            return cls(kind=kind, message=error.message, hint=error.hint)
        try:
            message = str(error)
        except Exception as another:
            message = f"its text cannot be read: {type(another).__name__}"
        return cls(kind=kind, message=message)


class Ending(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"  #: every cell has a record
    INCOMPLETE = "incomplete"  #: cells failed, and the others have records
    INTERRUPTED = "interrupted"  #: the user stopped it; finished cells have records
    DIED = "died"  #: an error ended it; cells that were finished before have records


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The end of a run.

    Attributes:
        how: it ended.
        failed: number of cells that failed.
        error: what ended it, if something did.
    """

    how: Ending
    failed: int = 0
    error: ErrorInfo | None = None


@dataclass(frozen=True, kw_only=True)
class EpochInfo:
    """One epoch of a training: of a model, of a defense, or of an attack that learns.

    Attributes:
        training: what is trained, such as ``dpsh 32 bit``, ``cgat of dpsh 32 bit`` or ``prosgan on dpsh 32 bit``.
        epoch: number of finished epochs. A resumed training begins after its last snapshot.
        epochs: number of all epochs.
        loss: mean over the batches of this epoch; of an attack, over the part of the train split that validates, if it
            has one.
        map: mean average precision within the train split; None if it was not measured after this epoch.
        losses: all that an attack tells, by name: parts of its loss, and signs of a collapse.
    """

    training: str
    epoch: int
    epochs: int
    loss: float
    map: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return str(value)
    return value if value is None or isinstance(value, int | float) else repr(value)
