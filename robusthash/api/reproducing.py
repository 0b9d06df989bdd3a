"""Makes stored results again."""

from pathlib import Path

from torch import nn

from robusthash.api import arguments
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath
from robusthash.api.surroundings import frozen, reporting
from robusthash.contracts import Attack, CrossModalHashModel, Dataset, Defense, HashModel, RetrievalData
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.rebuilding.given import Given
from robusthash.evaluation.reproducing.outcome import Reproduction
from robusthash.evaluation.reproducing.reproduce import reproduce as run
from robusthash.evaluation.reproducing.reproduce import reproduce_file
from robusthash.evaluation.reproducing.stored import only_record
from robusthash.results import Record, ResultStore


def reproduce(
    record: Record | AnyPath,
    *,
    results: AnyPath | None = None,
    queries: int | None = None,
    data_root: AnyPath | None = None,
    checkpoint: AnyPath | list[AnyPath] | tuple[AnyPath, ...] = (),
    model: str | HashModel | CrossModalHashModel | None = None,
    fitted: AnyPath | FittedAttack | None = None,
    weights: AnyPath | None = None,
    dataset: Dataset | RetrievalData | None = None,
    attack: Attack | None = None,
    defense: Defense | None = None,
    device: str | None = None,
    threads: int | None = None,
    shard_size: int | None = None,
    progress: bool | None = None,
) -> Reproduction:
    """Makes a stored result again, and says whether it is the same, as ``robusthash reproduce`` does.

    Args:
        record: a record, the path of its file, or the first digits of its digest.
        results: the folder that a record comes from; without it, a record in memory has numbers alone to compare.
        queries: attack only the first of the record's queries, in whole shards; None attacks all.
        data_root: folder with the dataset's files.
        checkpoint: trained weights of the victim or of the surrogate, one or several; else they are trained again.
        model: a network of your own: ``path/to/file.py:build``, or the object.
        fitted: what the attack had learnt before the run.
        weights: a backbone's initial weights, if they are a file.
        dataset: the dataset, if no plugin registers it.
        attack: the attack, if no plugin registers it.
        defense: the defense, if no plugin registers it.
        device: where to compute; None is where the record was made.
        threads: number of threads; None is the record's.
        shard_size: queries that are attacked at once; None is the record's.
        progress: show progress bars; None shows them in a notebook and on a terminal.

    Returns:
        What is the same and what differs first, with the verdict: ``same``, ``different``, ``inconclusive``, or
            ``failed`` with the error, such as for want of a file.

    Raises:
        UsageError: an argument is wrong, or no record has such a digest.
        InputError: there is no such file.
    """
    own = None if model is None else arguments.model(model)
    given = Given(
        data_root=None if data_root is None else arguments.path(data_root, "data_root"),
        checkpoints=tuple(arguments.path(one, "checkpoint") for one in arguments.listed(checkpoint)),
        models=() if own is None else (own,),
        fitted=() if fitted is None else (_file(fitted),),
        weights=None if weights is None else arguments.path(weights, "weights"),
        dataset=None if dataset is None else arguments.one(dataset, "dataset", (Dataset, RetrievalData)),
        attack=None if attack is None else arguments.one(attack, "attack", Attack),
        defense=None if defense is None else arguments.one(defense, "defense", Defense),
        device=None if device is None else arguments.text(device, "device"),
        shard_size=None if shard_size is None else arguments.number(shard_size, "shard_size", least=1),
    )
    wanted = None if queries is None else arguments.number(queries, "queries", least=1)
    many = None if threads is None else arguments.number(threads, "threads", least=1)
    host = installed()
    store = ResultStore(Path("results") if results is None else arguments.path(results, "results"))
    with reporting(progress=progress) as report, frozen(*([own] if isinstance(own, nn.Module) else [])):
        if isinstance(record, Record):
            if results is None:
                return run(only_record(record), host, given, queries=wanted, threads=many, progress=report)
            path = store.path_of(record)
        else:
            path = store.file(str(arguments.path(record, "record")))
        return reproduce_file(path, host, given, queries=wanted, threads=many, progress=report)


def _file(fitted: AnyPath | FittedAttack) -> Path:
    return fitted.path if isinstance(fitted, FittedAttack) else arguments.path(fitted, "fitted")
