"""Merges results folders."""

from collections.abc import Iterable

from robusthash.api import arguments
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath
from robusthash.api.surroundings import reporting
from robusthash.evaluation import Missing
from robusthash.evaluation import merge as run
from robusthash.results import Record, Results


class Merging(Results):
    """The records of merged folders, and what is missing of others.

    Args:
        records: all that are complete.
        missing: cells that are not.

    Attributes:
        missing: as above; each has its ``cell``, the ``shards`` that are missing, and the ``parts`` they belong to.
    """

    def __init__(self, records: Iterable[Record], *, missing: Iterable[Missing] = ()) -> None:
        super().__init__(records)
        self.missing = tuple(missing)

    def __repr__(self) -> str:
        lost = f", {len(self.missing)} incomplete" if self.missing else ""
        return f"<Merging: {len(self)} record{'' if len(self) == 1 else 's'}{lost}>"


def merge(*folders: AnyPath, results: AnyPath, progress: bool | None = None) -> Merging:
    """Merges results folders into one, and makes the records of shards that runs with ``shard`` have left.

    The folders are not changed, nothing that is stored is replaced, and merging again changes nothing.

    Args:
        folders: results folders, of whole runs or of parts.
        results: the folder to merge into, which may be one of them.
        progress: show a progress bar; None shows one in a notebook and on a terminal.

    Raises:
        InputError: a folder or a file cannot be read, or two have something else of the same record, cell or shard.
        UsageError: the results folder cannot be written.
        StorageError: a file cannot be written.
    """
    given = [arguments.path(folder, "folder") for folder in folders]
    with reporting(progress=progress) as report:
        merged = run(given, installed(), results=arguments.path(results, "results"), progress=report)
    return Merging(merged.records, missing=merged.missing)
