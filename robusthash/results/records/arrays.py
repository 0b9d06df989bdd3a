"""The per-query arrays of a record, typed; the only place that interprets their names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from robusthash.errors import InputError
from robusthash.results.records.stages import Against, ScoreKey, is_stage, neighbours_name, neighbours_stage, score_key

if TYPE_CHECKING:
    import numpy as np

_Key = TypeVar("_Key")

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
        """Sorts arrays by their names on disk; an unknown name is a column."""
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
        return cls(codes=codes, scores=scores, neighbours=neighbours, columns=columns)

    def to_arrays(self) -> dict[str, "np.ndarray"]:
        """The arrays by their names on disk."""
        return {
            **self.codes,
            **self.columns,
            **{key.stored: array for key, array in self.scores.items()},
            **{neighbours_name(stage): array for stage, array in self.neighbours.items()},
        }


def _found(arrays: Mapping[_Key, "np.ndarray"], key: _Key, name: str) -> "np.ndarray":
    if key not in arrays:
        raise InputError(f"the record's arrays lack {name}", hint="evaluate again with --force")
    return arrays[key]
