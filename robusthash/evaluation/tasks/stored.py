"""Checks what scoring a stored result again needs of it: files may come from strangers."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from robusthash.contracts import Space
from robusthash.errors import InputError
from robusthash.metrics import Relevance
from robusthash.results import ADVERSARIAL, CLEAN, Against, QueryArrays, Record


def require_scorable(record: Record, arrays: QueryArrays, database: Mapping[str, np.ndarray], space: Space) -> None:
    """Refuses a record that cannot be scored again.

    Args:
        record: as stored.
        arrays: of its queries.
        database: ``packed``, representations, and ``labels``, (items, classes) uint8.
        space: in which the model is searched.

    Raises:
        InputError: something is missing, or does not fit the rest.
    """
    problem = next(_problems(record, arrays, database, space), None)
    if problem is not None:
        raise InputError(
            f"record {record.digest[:12]} cannot be scored again: {problem}", hint="evaluate again with --force"
        )


def _problems(record: Record, arrays: QueryArrays, database: Mapping[str, np.ndarray], space: Space) -> Iterator[str]:
    """The first that is yielded is told; those after it may rely on what those before it found sound."""
    if record.scoring.relevance not in set(Relevance):
        yield f"there is no relevance {record.scoring.relevance!r}"
    imagery = {"clipped", str(space.distance)} - set(record.outcome.imagery)
    if imagery:
        yield f"imagery has no {', '.join(sorted(imagery))}"
    absent = [f"{name} of the database" for name in ("packed", "labels") if name not in database]
    absent += [f"codes of the {stage} queries" for stage in (CLEAN, ADVERSARIAL) if stage not in arrays.codes]
    if absent:
        yield f"there are no {', '.join(absent)}"
    yield from _representation("database", database["packed"], space)
    for stage, codes in arrays.codes.items():
        yield from _representation(stage, codes, space)
    norm = record.attack.norm
    moved = arrays.column(norm)
    if not len(moved) or moved.ndim != 1 or moved.dtype.kind != "f":
        yield f"{norm} is {moved.dtype} of shape {moved.shape}"
    yield from _labels(record, arrays, database["labels"], items=len(database["packed"]))


def _labels(record: Record, arrays: QueryArrays, labels: np.ndarray, *, items: int) -> Iterator[str]:
    if not items or labels.dtype != np.uint8 or labels.ndim != 2 or len(labels) != items:
        yield f"labels of the {items} items of the database are {labels.dtype} of shape {labels.shape}"
    targeted = record.attack.against is Against.TARGET
    for name in ("labels", "targets") if targeted else ("labels",):
        column = arrays.column(name)
        if column.dtype != np.uint8 or column.shape[1:] != labels.shape[1:]:
            yield f"{name} are {column.dtype} of shape {column.shape}, and those of the database {labels.shape}"
    anchors = arrays.column("anchors") if targeted else np.empty((0, 1), int)
    if anchors.ndim != 2 or anchors.dtype != np.int64 or (anchors >= items).any():
        yield "anchors are no places in the database"


def _representation(what: str, values: np.ndarray, space: Space) -> Iterator[str]:
    if values.dtype not in (np.uint8, np.float32):
        yield f"{what}: {values.dtype} is neither codes nor descriptors"
    elif problem := space.problem(torch.from_numpy(values)):
        yield f"{what}: {problem}"
