"""Compares what was made again with what is stored: inputs by their digests, codes, and numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from robusthash.evaluation.reproducing.outcome import Compared, Kept
from robusthash.results import Outcome, QueryArrays, Record
from robusthash.results.records.arrays import IDS, PIXELS, TRACE

CLOSE = 0.01  #: difference of a mean that other conditions are trusted to explain
_AGAINST_THE_REFERENCE = "RH003"
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12  #: of floats that are the same; versions of numpy differ in the order of sums

Number = tuple[str, Any, Any, bool]  #: what it is, as stored, as made here, and whether they are the same


def compared_inputs(stored: QueryArrays, here: QueryArrays, rows: Sequence[int], names: Sequence[str]) -> Compared:
    """The delivered inputs of some queries, by their digests.

    Args:
        stored: arrays of the record.
        here: arrays of the queries that were attacked again.
        rows: (n,) their rows in the record.
        names: (n,) of these queries.
    """
    if PIXELS not in stored.columns:
        told = "this record has no digests of inputs: codes and numbers are compared only"
        return Compared(what=Kept.INPUTS, same=0, of=0, first=told)
    same = _equal_rows(stored.columns[PIXELS], here.columns[PIXELS], rows)
    if IDS in stored.columns:
        same &= _equal_rows(stored.columns[IDS], here.columns[IDS], rows)
    return _counted(Kept.INPUTS, same, names)


def compared_codes(stored: QueryArrays, here: QueryArrays, rows: Sequence[int], names: Sequence[str]) -> Compared:
    """The codes, or descriptors, of some queries at every stage; arguments as for :func:`compared_inputs`."""
    equal = {stage: _equal_rows(stored.codes.get(stage), codes, rows) for stage, codes in here.codes.items()}
    return _counted_parts(Kept.CODES, equal, names, "its {} code")


def compared_queries(stored: QueryArrays, here: QueryArrays, rows: Sequence[int], names: Sequence[str]) -> Compared:
    """The numbers of some queries: scores, distances and labels; arguments as for :func:`compared_inputs`."""
    kept = _numbers(stored)
    equal = {name: _equal_rows(kept.get(name), values, rows) for name, values in _numbers(here).items()}
    return _counted_parts(Kept.NUMBERS, equal, names, "{}")


def compared_outcomes(stored: Record, here: Record, *, reference: bool) -> Compared:
    """All numbers of a record.

    Args:
        stored: as read.
        here: as made here.
        reference: whether the record of the reference is at hand, as for :func:`flags`.
    """
    found = list(numbers_of_codes(stored.outcome, here.outcome))
    found += _mapping("", stored.outcome.imagery, here.outcome.imagery)
    found += _mapping("probe ", stored.outcome.probe, here.outcome.probe)
    for name in ("forward", "backward", "queries"):
        told, made = getattr(stored.outcome.cost, name), getattr(here.outcome.cost, name)
        found.append((f"cost {name}", told, made, told == made))
    found.append(flags(stored.outcome, here.outcome, reference=reference))
    wrong = [one for one in found if not one[3]]
    first = f"{wrong[0][0]} is {wrong[0][1]} in the record, {wrong[0][2]} here" if wrong else ""
    return Compared(what=Kept.NUMBERS, same=len(found) - len(wrong), of=len(found), first=first)


def compared_database(stored: Mapping[str, np.ndarray], codes: np.ndarray, labels: np.ndarray) -> Compared:
    """Codes and labels of the searched items.

    Args:
        stored: ``packed`` and ``labels``.
        codes: as made here.
        labels: of the dataset.
    """
    if not stored:
        return Compared(what=Kept.DATABASE, same=0, of=0, first="the record came without its database")
    same = np.ones(len(codes), dtype=bool)
    for kept, made in ((stored["packed"], codes), (stored["labels"], labels)):
        same &= _equal_rows(kept, made, range(len(made)))
    return _counted(Kept.DATABASE, same, [f"item {place}" for place in range(len(codes))])


def close(stored: Record, here: Record) -> bool:
    """Whether every metric of two records of one cell is within 0.01."""
    return all(
        abs(one.value - here.outcome.metrics[stage][against][name].value) <= CLOSE
        for stage, measures in stored.outcome.metrics.items()
        for against, found in measures.items()
        for name, one in found.items()
    )


def close_queries(stored: QueryArrays, here: QueryArrays, rows: Sequence[int]) -> bool:
    """Whether the mean of every metric over some queries is within 0.01."""
    return all(
        key in stored.scores and abs(float(np.nanmean(stored.scores[key][list(rows)] - values))) <= CLOSE
        for key, values in here.scores.items()
    )


def numbers_of_codes(stored: Outcome, here: Outcome) -> Iterator[Number]:
    """The numbers that follow from codes, one by one.

    Args:
        stored: as read.
        here: as computed here.
    """
    for stage, measures in stored.metrics.items():
        for against, found in measures.items():
            for name, one in found.items():
                other = here.metrics.get(stage, {}).get(against, {}).get(name)
                for part in ("value", "low", "high", "worst", "best"):
                    told, made = getattr(one, part), getattr(other, part, math.nan)
                    what = f"{stage} {against.qualify(name)}" + ("" if part == "value" else f" ({part})")
                    yield what, told, made, _same(told, made)
    for stage, searched in stored.search.items():
        yield from _mapping(f"{stage} ", searched, here.search.get(stage, {}))
    for against, floors in stored.floors.items():
        yield from _mapping("floor ", floors, here.floors.get(against, {}))


def flags(stored: Outcome, here: Outcome, *, reference: bool) -> Number:
    """The failed soundness checks, by their ids.

    Args:
        stored: as read.
        here: as computed here.
        reference: whether the record of the reference is at hand, without which one check cannot be made again.
    """
    left_out = () if reference else (_AGAINST_THE_REFERENCE,)
    told, made = ([flag.id for flag in one.flags if flag.id not in left_out] for one in (stored, here))
    return "flags", ", ".join(told) or "none", ", ".join(made) or "none", told == made


def _mapping(what: str, stored: Mapping[str, float], here: Mapping[str, float]) -> Iterator[Number]:
    for name in dict.fromkeys([*stored, *here]):
        told, made = stored.get(name, math.nan), here.get(name, math.nan)
        yield f"{what}{name}", told, made, _same(told, made) and name in stored and name in here


def _same(stored: float, here: float) -> bool:
    return bool(np.isclose(stored, here, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))


def _numbers(arrays: QueryArrays) -> dict[str, np.ndarray]:
    """All arrays of numbers: scores, and columns that are neither ids nor digests."""
    columns = {name: values for name, values in arrays.columns.items() if name not in (PIXELS, IDS, TRACE)}
    return {**{key.stored: values for key, values in arrays.scores.items()}, **columns}


def _equal_rows(stored: np.ndarray | None, here: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Which rows are equal: (n,) bool. Rows that are not stored are not."""
    if stored is None or (stored.shape[1:], stored.dtype) != (here.shape[1:], here.dtype):
        return np.zeros(len(rows), dtype=bool)
    if len(stored) <= max(rows, default=0):
        return np.zeros(len(rows), dtype=bool)
    kept = stored[list(rows)]
    if kept.dtype.kind == "f":
        equal = np.isclose(kept, here, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
    else:
        equal = kept == here
    return np.asarray(equal.reshape(len(rows), -1).all(1))


def _counted_parts(what: Kept, equal: Mapping[str, np.ndarray], names: Sequence[str], where: str) -> Compared:
    """The rows of which all parts are equal, and of the first other one the first part that is not."""
    same: np.ndarray = np.logical_and.reduce(list(equal.values()))
    if same.all():
        return _counted(what, same, names)
    row = int(np.flatnonzero(~same)[0])
    part = next(name for name, each in equal.items() if not each[row])
    return _counted(what, same, names, f" in {where.format(part)}")


def _counted(what: Kept, same: np.ndarray, names: Sequence[str], where: str = "") -> Compared:
    first = "" if same.all() else f"{names[int(np.flatnonzero(~same)[0])]} is the first to differ{where}"
    return Compared(what=what, same=int(same.sum()), of=len(same), first=first)
