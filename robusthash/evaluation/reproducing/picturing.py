"""Pictures of a stored record, made later: its cell is made again, and its worst queries are attacked again."""

from pathlib import Path

from robusthash.boundary import blaming
from robusthash.contracts import Progress, silent
from robusthash.errors import UsageError
from robusthash.evaluation.rebuilding.given import Given
from robusthash.evaluation.rebuilding.rebuild import rebuilt, threads_of
from robusthash.evaluation.running.recording.pictures import add_pictures
from robusthash.host import PluginHost
from robusthash.results import Pictures, ResultStore, read_record

_NOTHING = Given()
_ABOVE = 3  #: folders of a record's file, in the results folder


def picture_file(
    path: Path,
    host: PluginHost,
    given: Given = _NOTHING,
    *,
    count: int,
    threads: int | None = None,
    progress: Progress = silent,
) -> Pictures | None:
    """Keeps pictures of the worst queries of the record in a file, beside it, unless as many are kept already.

    Args:
        path: of the record, in a results folder.
        host: the plugins.
        given: what the record cannot hold.
        count: how many queries.
        threads: number of threads; None is the record's.
        progress: called with (done, total, what).

    Returns:
        The pictures that are kept now; None if there are none, as of texts.

    Raises:
        InputError: the record cannot be read, or this is not what it was made from.
        UsageError: the file is not in a results folder.
        StorageError: they cannot be written.
    """
    record = read_record(path)
    store = ResultStore(path.resolve().parents[_ABOVE])
    if store.path_of(record) != path.resolve():
        raise UsageError(
            f"{path} is not where a results folder has it", hint="keep a record in its folder, with what is beside it"
        )
    with (
        threads_of(record, threads),
        blaming(None, f"picture {path}"),
        rebuilt(record, host, given, progress) as made,
    ):
        add_pictures(made.same(), record, store, count)
    return store.pictures(record)
