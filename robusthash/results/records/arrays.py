"""The per-query arrays of a record, typed; the only place that interprets their names."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from robusthash.errors import InputError
from robusthash.results.records.stages import Against, ScoreKey, is_stage, neighbours_name, neighbours_stage, score_key
from robusthash.results.rendering.escaping import visible

if TYPE_CHECKING:
    import numpy as np

_Key = TypeVar("_Key")
_HINT = "evaluate again with --force"

IDS = "ids"  #: column of the queries' positions in the dataset's query split, (queries,) int64
PIXELS = "pixels"  #: column of digests of what was delivered, (queries, 16) uint8: of the 8-bit pixels of an image
TRACE = "trace"  #: column of Hamming distances to the aim, (queries, steps + 1) int, -1 where there is none


@dataclass(frozen=True, kw_only=True, eq=False)
class QueryArrays:
    """The arrays of a record; row i of each belongs to query i.

    Attributes:
        codes: by stage, (queries, bytes) uint8 packed codes, or (queries, size) float32 descriptors.
        scores: by stage, metric and labels, (queries,) float64, in expectation over ties.
        neighbours: by stage, (queries, k) int64, ids of the nearest items, as returned by the retriever.
        columns: all other arrays, by name: ``ids``, ``labels``, ``linf``, ``trace`` ...
    """

    codes: Mapping[str, "np.ndarray"] = field(default_factory=dict)
    scores: Mapping[ScoreKey, "np.ndarray"] = field(default_factory=dict)
    neighbours: Mapping[str, "np.ndarray"] = field(default_factory=dict)
    columns: Mapping[str, "np.ndarray"] = field(default_factory=dict)

    def codes_at(self, stage: str) -> "np.ndarray":
        """The codes or descriptors of a stage.

        Raises:
            InputError: they were not stored.
        """
        return _found(self.codes, stage, stage)

    def scores_of(self, stage: str, metric: str, against: Against = Against.OWN) -> "np.ndarray":
        """The per-query scores of a metric.

        Raises:
            InputError: they were not stored.
        """
        key = ScoreKey(stage, metric, against)
        return _found(self.scores, key, key.stored)

    def column(self, name: str) -> "np.ndarray":
        """One of the other arrays.

        Raises:
            InputError: it was not stored.
        """
        return _found(self.columns, name, name)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, "np.ndarray"]) -> "QueryArrays":
        """Sorts arrays by their names on disk; an unknown name is a column.

        Raises:
            InputError: an array is not one of numbers, or of ids, with a row per query.
        """
        codes, scores, neighbours, columns = {}, {}, {}, {}
        for name, array in arrays.items():
            if is_stage(name):
                codes[name] = array
            elif key := score_key(name):
                scores[key] = array
            elif stage := neighbours_stage(name):
                neighbours[stage] = array
            else:
                columns[name] = array
        _require(codes, dimensions={2}, kinds="uf")
        _require({key.stored: array for key, array in scores.items()}, dimensions={1}, kinds="f")
        _require(neighbours, dimensions={2}, kinds="iu")
        _require(columns, dimensions={1, 2}, kinds="biufU")
        rows = {name: len(array) for name, array in arrays.items()}
        if len(set(rows.values())) > 1:
            told = ", ".join(f"{name} {count}" for name, count in rows.items())
            raise InputError(f"the record's arrays have different numbers of rows: {visible(told)}", hint=_HINT)
        return cls(codes=codes, scores=scores, neighbours=neighbours, columns=columns)

    def to_arrays(self) -> dict[str, "np.ndarray"]:
        """The arrays by their names on disk."""
        return {
            **self.codes,
            **self.columns,
            **{key.stored: array for key, array in self.scores.items()},
            **{neighbours_name(stage): array for stage, array in self.neighbours.items()},
        }


def input_digest(delivered: "np.ndarray") -> "np.ndarray":
    """The digest of one delivered input, as in the column ``pixels``.

    Args:
        delivered: as it is uploaded: an image (3, h, w) uint8, anything else as it is.

    Returns:
        (16,) uint8.
    """
    import numpy as np

    return np.frombuffer(hashlib.blake2b(delivered.tobytes(), digest_size=16).digest(), dtype=np.uint8)


def _require(arrays: Mapping[str, "np.ndarray"], *, dimensions: set[int], kinds: str) -> None:
    """Refuses arrays of another shape or type; files may come from strangers."""
    for name, array in arrays.items():
        if array.ndim not in dimensions or array.dtype.kind not in kinds:
            raise InputError(f"the record's array {visible(name)} is {array.dtype} of shape {array.shape}", hint=_HINT)


def _found(arrays: Mapping[_Key, "np.ndarray"], key: _Key, name: str) -> "np.ndarray":
    if key not in arrays:
        raise InputError(f"the record's arrays lack {name}", hint=_HINT)
    return arrays[key]
