"""What became of photographs, and what models make of them. Importable without torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

AS_WRITTEN = "as written"  #: the file itself, as the loader of images reads it


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a model makes of a photograph.

    Attributes:
        moved: distance of its code, or descriptor, from that of the clean file.
        found: the most frequent label of the nearest items; None if they have none.
        votes: number of those items with each label, the most frequent first.
        nearest: labels of each of the ten nearest items, the nearest first.
        retained: share of the clean file's ten nearest items that are among its ten nearest.
    """

    moved: float
    found: str | None
    votes: Mapping[str, int]
    nearest: tuple[tuple[str, ...], ...]
    retained: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a model makes of a photograph after one change.

    Attributes:
        clean: of the clean photograph after the change.
        protected: of the delivered one after the change.
    """

    clean: Seen
    protected: Seen


@dataclass(frozen=True, kw_only=True)
class Protected:
    """One delivered photograph.

    Attributes:
        source: name of the user's file.
        file: name of the delivered file.
        psnr: PSNR of the delivered file to the source, in dB.
        notes: what of the source is not in the delivered file, or is there in another form.
        judged: what each model makes of both, by model, then by what a service does to them.
    """

    source: str
    file: str
    psnr: float
    notes: tuple[str, ...]
    judged: Mapping[str, Mapping[str, Judged]]

    def shows(self, model: str) -> str | None:
        """What the photograph shows to a model: the most frequent label among what the clean file retrieves."""
        return self.judged[model][AS_WRITTEN].clean.found


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a model makes of photographs after one change.

    Attributes:
        labelled: number of photographs of which something is known that they show.
        clean_kept: number of clean ones that still retrieve it after the change.
        protected_kept: number of delivered ones that still do.
        clean_moved: mean distance of the clean ones' codes from those of the clean files.
        protected_moved: the same of the delivered ones.
        clean_retained: mean share of the clean file's ten nearest items that the clean ones still retrieve.
        protected_retained: the same of the delivered ones.
    """

    labelled: int
    clean_kept: int
    protected_kept: int
    clean_moved: float
    protected_moved: float
    clean_retained: float
    protected_retained: float


def summarised(photographs: Sequence[Protected], model: str) -> dict[str, Summary]:
    """What a model makes of all photographs, by change.

    Args:
        photographs: at least one.
        model: one of those that judged them.
    """
    return {change: _summary(photographs, model, change) for change in photographs[0].judged[model]}


def _summary(photographs: Sequence[Protected], model: str, change: str) -> Summary:
    pairs = [(one.shows(model), one.judged[model][change]) for one in photographs]
    known = [(label, judged) for label, judged in pairs if label is not None]

    def mean(values: Iterable[float]) -> float:
        return sum(values) / len(pairs)

    return Summary(
        labelled=len(known),
        clean_kept=sum(judged.clean.found == label for label, judged in known),
        protected_kept=sum(judged.protected.found == label for label, judged in known),
        clean_moved=mean(judged.clean.moved for _, judged in pairs),
        protected_moved=mean(judged.protected.moved for _, judged in pairs),
        clean_retained=mean(judged.clean.retained for _, judged in pairs),
        protected_retained=mean(judged.protected.retained for _, judged in pairs),
    )
