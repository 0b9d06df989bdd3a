"""Soundness checks of the data: queries whose scores say little, whatever the model. The ids are stable."""

from collections.abc import Iterator

from torch import Tensor

from robusthash.evaluation.scoring.scale import Scale
from robusthash.metrics import relevant_counts
from robusthash.results import Against, Flag, QueryArrays

TWINS = "twins"  #: column: the database item with the pixels of each query, -1 for none; absent if that is not known


def data_flags(arrays: QueryArrays, labels: dict[Against, Tensor], scale: Scale) -> Iterator[Flag]:
    """The failed checks of a record's data.

    ========  ================================================================
    RH016     a target shares a label with its query: it is reached without an attack
    RH017     a query has no relevant item in the database
    RH018     a query's pixels are in the database
    ========  ================================================================

    Args:
        arrays: of the record, with the column ``twins`` if the pixels were compared.
        labels: of the queries, (queries, classes) uint8, and for a targeted attack also the target labels.
        scale: the database, and when an item of it is relevant.
    """
    own, items = labels[Against.OWN], scale.database.packed_labels
    of = f"of {len(own)} queries"
    targets = labels.get(Against.TARGET)
    shared = 0 if targets is None else int((own.bool() & targets.bool()).any(1).sum())
    if shared:
        message = f"{shared} {of} have a target that shares a label with them: reached without an attack"
        yield Flag(id="RH016", message=message)
    lost = int((relevant_counts(own, items, relevance=scale.relevance) == 0).sum())
    if lost:
        yield Flag(id="RH017", message=f"{lost} {of} have nothing to find: no database item is relevant to them")
    found = int((arrays.columns[TWINS] >= 0).sum()) if TWINS in arrays.columns else 0
    if found:
        yield Flag(id="RH018", message=f"the pixels of {found} {of} are in the database: they find themselves")
