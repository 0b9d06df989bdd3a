"""Points within a run: the mean distance to the aim after each step."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from robusthash.errors import InputError
from robusthash.results.curves.panels import Point
from robusthash.results.records.arrays import TRACE
from robusthash.results.records.record import Record

if TYPE_CHECKING:
    import numpy as np

TraceOf = Callable[[Record], "np.ndarray | None"]

_TWO_SIDED = 1.96  #: standard errors on either side of the mean, for 95 % of the normal distribution


def traced(records: Sequence[Record], trace_of: TraceOf) -> tuple[tuple[Point, ...], int]:
    """The points of the newest record with a trace, and the number of older records.

    Args:
        records: of one cell, from old to new.
        trace_of: reads the trace of a record.

    Raises:
        InputError: a trace has the wrong shape or type.
    """
    for older in reversed(range(len(records))):
        record = records[older]
        trace = trace_of(record)
        points = () if trace is None else tuple(_means(record, trace))
        if len(points) > 1:
            return points, older
    return (), 0


def _means(record: Record, trace: "np.ndarray") -> Iterator[Point]:
    """Mean over the queries after each step, with a normal-approximation interval."""
    if trace.ndim != 2 or trace.dtype.kind not in "iu":
        raise InputError(
            f"the array {TRACE} of record {record.digest[:12]} is {trace.dtype} of shape {trace.shape}, "
            "not (queries, steps + 1) whole numbers",
            hint="evaluate again with --force",
        )
    for step in range(trace.shape[1]):
        bits = trace[:, step][trace[:, step] >= 0]
        if not len(bits):
            continue
        mean = float(bits.mean())
        reach = _TWO_SIDED * float(bits.std(ddof=1)) / len(bits) ** 0.5 if len(bits) > 1 else None
        yield Point(
            x=step,
            label=f"{step}",
            value=mean,
            low=None if reach is None else max(0.0, mean - reach),
            high=None if reach is None else mean + reach,
            flags=(),
            record=record.digest,
        )
