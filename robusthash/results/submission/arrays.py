"""What speaks against the arrays of a submission by themselves and beside one another. Needs numpy, and no torch."""

from collections.abc import Hashable, Iterator
from pathlib import Path

import numpy as np

from robusthash.errors import RobustHashError
from robusthash.results.comparing.keys import victim_key
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, in_order
from robusthash.results.submission.finding import Check, Finding

SLACK = 1e-6  #: of a mean that is computed again; sums differ in their last bits from machine to machine

_HINT = "submit the files as eval wrote them"


class Agreement:
    """Checks arrays of records, and remembers what those of further records have to agree with."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Path, np.ndarray]] = {}

    def check(self, where: Path, record: Record, arrays: QueryArrays) -> Iterator[Finding]:
        """What speaks against the arrays of a record.

        Args:
            where: file of the record.
            record: the record.
            arrays: of its queries.
        """
        try:
            for message in (*_rows(record, arrays), *_moved(record, arrays), *_means(record, arrays)):
                yield _finding(where, message)
            yield from self._beside(where, record, arrays)
        except RobustHashError as error:  # an array is missing
            yield _finding(where, error.message)

    def _beside(self, where: Path, record: Record, arrays: QueryArrays) -> Iterator[Finding]:
        """What the arrays of all records on the same queries, or of the same victim, have in common."""
        queries = record.dataset.query_digest
        victim = victim_key(record)
        shared: dict[Hashable, tuple[str, np.ndarray]] = {
            ("labels", queries): ("labels of the queries", arrays.column("labels")),
            ("clean", queries, victim): ("codes of the clean queries", arrays.codes_at(CLEAN)),
        }
        for key, (what, array) in shared.items():
            path, known = self._known.setdefault(key, (where, array))
            if not np.array_equal(known, array):
                yield _finding(where, f"the {what} are not those of {path.name}")


def _rows(record: Record, arrays: QueryArrays) -> Iterator[str]:
    queries = record.dataset.queries
    counts = {name: len(array) for name, array in arrays.to_arrays().items()}
    odd = next((name for name, count in counts.items() if count != queries), None)
    if odd is not None:
        yield f"{odd} has {counts[odd]} rows, and the record {queries} queries"
    unscored = [stage for stage in in_order(record.outcome.metrics) if stage not in arrays.codes]
    if unscored:
        yield f"there are numbers, and no codes, of the queries at {', '.join(unscored)}"


def _moved(record: Record, arrays: QueryArrays) -> Iterator[str]:
    """Distances that no attack makes."""
    norm = record.attack.norm
    moved = arrays.column(norm)
    if moved.dtype.kind != "f" or not np.isfinite(moved).all() or (moved < 0).any():
        yield f"{norm} has values that are no distances"
        return
    changed = (arrays.codes_at(CLEAN) != arrays.codes_at(ADVERSARIAL)).any(1)
    still = int((changed & (moved == 0)).sum())
    # The outputs of a randomised victim change by themselves: RH008.
    if still and not any(flag.id == "RH008" for flag in record.outcome.flags):
        yield f"the codes of {still} queries changed, whose inputs did not ({norm} is 0)"


def _means(record: Record, arrays: QueryArrays) -> Iterator[str]:
    """Means that are not those of their columns."""
    for name, stated in record.outcome.imagery.items():
        column = arrays.columns.get(name)
        if column is None:
            yield f"there is no column {name}, of which the record has a mean"
        elif differ(float(column.mean()), stated):
            yield f"{name} is {stated:.6g} in the record, and {float(column.mean()):.6g} in its arrays"


def differ(one: float, other: float) -> bool:
    """Whether two means of the same values differ, beyond rounding.

    >>> differ(0.5, 0.5 + 1e-9), differ(0.5, 0.51), differ(float("inf"), float("inf"))
    (False, True, False)
    """
    return not (one == other or abs(one - other) <= SLACK * max(1.0, abs(one)))


def _finding(where: Path, message: str) -> Finding:
    return Finding(check=Check.ARRAYS, where=where, message=message, hint=_HINT)
