"""Evaluates models under attack."""

import tempfile
import warnings
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Unpack

from robusthash.api import arguments
from robusthash.api.attacking import BoundAttack
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.objects import AnyDataset
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath, Options, Settings, make_settings
from robusthash.api.surroundings import frozen, reporting
from robusthash.contracts import Attack, CrossModalHashModel, Defense, Executor, HashModel
from robusthash.epsilon import Radius
from robusthash.errors import OptionError, RobustHashWarning, UsageError
from robusthash.evaluation import Failure, Part, Request, RunOutcome, choose_executor, evaluate_part, parse_part
from robusthash.evaluation import evaluate as run
from robusthash.evaluation.planning.defaults import settled
from robusthash.evaluation.planning.fitted import FittedAttack, with_fitted
from robusthash.host import PluginHost
from robusthash.results import Record, Results
from robusthash.specs import Direction, Role

Model = str | Path | Checkpoint | HashModel | CrossModalHashModel
AnyAttack = str | Attack | BoundAttack | FittedAttack


class Evaluation(Results):
    """The records of an evaluation, and what could not be evaluated.

    Args:
        records: one for each cell, in the order in which they were evaluated.
        failures: cells that could not be evaluated.

    Attributes:
        failures: as above; each has its ``cell``, the ``owner`` of what failed, the ``error``, and the ``victim`` if it
            was one that could not be made.
    """

    def __init__(self, records: Iterable[Record], *, failures: Iterable[Failure] = ()) -> None:
        super().__init__(records)
        self.failures = tuple(failures)

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Evaluation: {len(self)} record{'' if len(self) == 1 else 's'}{failed}>"


def evaluate(
    models: Model | Iterable[Model],
    attacks: AnyAttack | Iterable[AnyAttack] | None = None,
    *,
    dataset: AnyDataset = "auto",
    defenses: str | Defense | Iterable[str | Defense] = "none",
    surrogates: Model | Iterable[Model] = (),
    bits: int | Iterable[int] = 32,
    epsilons: float | str | Radius | Iterable[float | str | Radius] = (),
    edits: int | str | Iterable[int | str] = (),
    directions: str | Iterable[str] = (),
    vary: Mapping[str, Mapping[str, Any]] | None = None,
    options: Options | None = None,
    results: AnyPath | None = None,
    executor: str | Executor | None = None,
    workers: int = 1,
    force: bool = False,
    keep_pictures: int = 0,
    shard: str | None = None,
    progress: bool | None = None,
    **settings: Unpack[Settings],
) -> Evaluation:
    """Evaluates every model under every attack, as ``robusthash eval`` does.

    Everything is given by name or as an object; one of something, or several in a list. Models in memory are frozen and
    in evaluation mode meanwhile, and afterwards as they were.

    Args:
        models: registered names, checkpoints, ``path/to/file.py:build``, or hash models.
        attacks: registered names, attacks, or what :func:`robusthash.fit` returned; None is the attack that models are
            ranked by.
        dataset: a registered name, a dataset, its splits, or parts of another
            library's by name; ``auto`` is digits, or what the models suggest.
        defenses: registered names or defenses; ``none`` is no defense.
        surrogates: models that attacks are crafted on, for transfer attacks; none is each model itself.
        bits: code lengths K, for registered names; other models have their own.
        epsilons: radii: numbers are shares of the box, in L-infinity; strings are ``8/255``, ``l2:0.5``, or ``l2`` for
            the dataset's own in that norm; none is the dataset's in L-infinity, unless there are edits.
        edits: radii of threats that count, for texts: 3 is three tags of a query that are added, dropped or swapped,
            ``words:3`` three words that are replaced, and ``characters:2`` two characters that are mistyped.
        directions: what searches for what, ``i2i``, ``i2t``, ``t2i`` or ``t2t``; none is the dataset's first.
        vary: values to sweep over, by attack, then by option: ``{"rnm": {"steps": [10, 100]}}``.
        options: by plugin, then by field: ``{"rnm": {"steps": 200}, "train": {"epochs": 5}}``.
        results: folder of the records, which later runs reuse; None keeps them in memory only.
        executor: where shards are run: a registered name or an executor.
        workers: processes on this machine, if no executor is given.
        force: evaluate again what is stored.
        shard: evaluate a part of the shards, such as ``2/4`` for the second of four parts, and leave them in the
            results folder; :func:`robusthash.merge` puts the parts together. The records are those that are complete.
        keep_pictures: of how many queries of each record pictures are kept in the folder ``results``: of those on which
            the attack achieved most.
        progress: show progress bars; None shows them in a notebook and on a terminal.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`: ``queries``, ``metrics``, ``seed``,
            ``device``, ``retriever``, ``relevance`` ...

    Returns:
        The records. A cell that fails, or a model that cannot be trained, does not stop the others: there is a
            warning, and an entry in ``failures``.

    Raises:
        UsageError: a name, a type or a value is wrong.
        DatasetError: the dataset cannot be read.
        StorageError: a result cannot be written.
        RobustHashError: no attack could be evaluated.
    """
    victims, crafted_on = arguments.models(models), () if _empty(surrogates) else arguments.models(surrogates)
    everyone = (*victims, *crafted_on)
    request = Request(
        models=victims,
        attacks=None if attacks is None else _attacks(attacks),
        surrogates=crafted_on,
        vary=arguments.sweeps({} if vary is None else vary),
        bits=tuple(arguments.number(length, "bits", least=1) for length in arguments.listed(bits)),
        defenses=arguments.several(defenses, "defense", (str, Defense)),
        directions=tuple(arguments.choice(way, "direction", Direction) for way in arguments.listed(directions)),
        epsilons=tuple(arguments.radius(epsilon) for epsilon in arguments.listed(epsilons)),
        edits=tuple(map(arguments.counts, arguments.listed(edits))),
        setting=make_settings(evaluate, dataset, options, settings, *everyone),
    )
    host = installed()
    request = settled(request, host)
    place = _executor(executor, arguments.number(workers, "workers", least=1), host, request)
    pictures = arguments.number(keep_pictures, "keep_pictures", least=0)
    if pictures and results is None:
        raise UsageError("pictures are kept beside records, and there is no folder", hint="pass results='results' too")
    kept = None if results is None else arguments.path(results, "results")
    part = _part(shard, force=force, pictures=pictures, kept=kept)
    own = [model for model in everyone if not isinstance(model, str)]
    with (
        tempfile.TemporaryDirectory() if kept is None else nullcontext(kept) as folder,
        reporting(progress=progress) as report,
        frozen(*own),
    ):
        if part is None:
            outcome = run(
                request,
                host,
                results=Path(folder),
                progress=report,
                executor=place,
                force=force,
                keep_pictures=pictures,
            )
        else:
            outcome, _ = evaluate_part(request, host, part, results=Path(folder), progress=report, executor=place)
    _tell_failures(outcome, part)
    return Evaluation(outcome.records, failures=outcome.failures)


def _part(value: object, *, force: bool, pictures: int, kept: Path | None) -> Part | None:
    if value is None:
        return None
    part = parse_part(arguments.one(value, "shard", (str,)), force=force, pictures=pictures)
    if kept is None:
        raise OptionError(f"shard={value!r} without results", hint="name the folder that the part is left in: results=")
    return part


def _attacks(value: object) -> tuple[str | Attack | FittedAttack, ...] | None:
    found = arguments.several(value, "attack", (str, Attack, BoundAttack, FittedAttack))
    plain = [(each.fitted or each.attack) if isinstance(each, BoundAttack) else each for each in found]
    fitted = tuple(each for each in plain if isinstance(each, FittedAttack))
    return with_fitted(tuple(each for each in plain if not isinstance(each, FittedAttack)), fitted)


def _executor(value: object, workers: int, host: PluginHost, request: Request) -> Executor:
    named = None if value is None else arguments.one(value, "executor", (str, Executor))
    if not isinstance(named, Executor):
        return choose_executor(host, named, workers=workers, options=request.setting.options)
    if workers > 1:
        raise OptionError(f"workers={workers} was passed beside an executor", hint="set the executor's own option")
    return named


def _tell_failures(outcome: RunOutcome, part: Part | None) -> None:
    """Warns of each cell that failed.

    Raises:
        RobustHashError: none of the attacks asked for has a record; the error of the first.
    """
    failures = outcome.failures
    if failures and part is None and all(record.attack.role is Role.REFERENCE for record in outcome.records):
        raise failures[0].error
    told = [f"{failure.victim or failure.cell} failed: {failure.error}" for failure in failures]
    for text in dict.fromkeys(told):  # a model that could not be made once, however many cells needed it
        warnings.warn(text, RobustHashWarning, stacklevel=3)


def _empty(value: object) -> bool:
    return isinstance(value, list | tuple) and not value
