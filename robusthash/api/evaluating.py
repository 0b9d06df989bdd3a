"""Models under attack, from a notebook."""

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from robusthash.api import arguments
from robusthash.api.models import frozen, make_settings
from robusthash.contracts import IMAGE, Attack, CrossModalHashModel, Defense, Executor, HashModel
from robusthash.errors import UsageError
from robusthash.evaluation import Failure, Request, choose_executor, parse_choice
from robusthash.evaluation import evaluate as run
from robusthash.results import Record, Results
from robusthash.specs import Direction


class Evaluation(Results):
    """The records of an evaluation, and what could not be evaluated.

    Args:
        records: one for each cell, in the order in which they were run.
        failures: cells that could not be evaluated.

    Attributes:
        failures: likewise; empty if all went well.
    """

    def __init__(self, records: Iterable[Record], *, failures: Iterable[Failure] = ()) -> None:
        super().__init__(records)
        self.failures = tuple(failures)

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Evaluation: {len(self)} record{'' if len(self) == 1 else 's'}{failed}>"


def evaluate(
    models: Any,
    attacks: Any = None,
    *,
    dataset: Any = "digits",
    defenses: Any = "none",
    surrogates: Any = (),
    bits: Any = 32,
    epsilons: Any = (),
    directions: Any = (),
    vary: Mapping[str, Mapping[str, Any]] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    results: str | Path | None = None,
    executor: Any = None,
    workers: int = 1,
    force: bool = False,
    progress: bool | None = None,
    **settings: Any,
) -> Evaluation:
    """Evaluates every model under every attack, as ``robusthash eval`` does. Objects may stand where names do.

    Args:
        models: one or several: registered names, checkpoints, ``path/to/file.py:build``, or hash models.
        attacks: one or several registered names or attacks; None is the attack that models are ranked by.
        dataset: a registered name, a dataset, or its splits.
        defenses: one or several; ``none`` is no defense.
        surrogates: models that attacks are crafted on and transferred from; none is each model itself.
        bits: code lengths, for registered names.
        epsilons: radii as shares of the box, numbers or texts such as ``8/255``; none is the dataset's own.
        directions: what searches for what, ``i2i``, ``i2t``, ``t2i`` or ``t2t``; none is what the dataset has first.
        vary: by attack and option, the values to sweep over.
        options: by plugin name, then by field: ``{"rnm": {"steps": 200}, "train": {"epochs": 5}}``.
        results: folder that keeps the records, where a later run finds them; None keeps them in memory alone.
        executor: where shards are run: a registered name or an executor.
        workers: processes of this machine, where no executor is named.
        force: evaluate again what is stored.
        progress: show bars; None is where somebody watches.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`: ``queries``, ``metrics``, ``seed``,
            ``device``, ``retriever``, ``relevance`` ...

    Raises:
        UsageError: a name, a type or a value is wrong.
        DatasetError: the dataset cannot be read.
        StorageError: a result cannot be written.
    """
    found_models, found_surrogates = arguments.models(models), _surrogates(surrogates)
    own = [one for one in (*found_models, *found_surrogates) if not isinstance(one, str)]
    if "image_size" not in settings:
        settings["image_size"] = _own_size(own)
    request = Request(
        models=found_models,
        attacks=None if attacks is None else arguments.several(attacks, "attack", (str, Attack)),
        surrogates=found_surrogates,
        vary=_sweeps(vary or {}),
        bits=arguments.several(bits, "bits", int),
        defenses=arguments.several(defenses, "defense", (str, Defense)),
        directions=tuple(parse_choice(Direction, "direction", str(one)) for one in _listed(directions)),
        epsilons=tuple(arguments.radius(one) for one in _listed(epsilons)),
        setting=make_settings(dataset, options, settings),
    )
    host = arguments.host()
    place = executor if isinstance(executor, Executor) else None
    if place is None:
        name = None if executor is None else arguments.one(executor, "executor", str)
        count = arguments.number(workers, "workers")
        place = choose_executor(host, name, workers=count, options=request.setting.options)
    kept = arguments.folder(results, "results")
    with (
        tempfile.TemporaryDirectory() if kept is None else nullcontext(kept) as folder,
        arguments.reporting(progress=progress) as report,
        frozen(*own),
    ):
        found = run(request, host, results=Path(folder), progress=report, executor=place, force=force)
    return Evaluation(found.records, failures=found.failures)


def _listed(value: Any) -> list[Any]:
    """One value, or several."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else [value]


def _surrogates(value: Any) -> tuple[Any, ...]:
    return () if isinstance(value, list | tuple) and not value else arguments.models(value)


def _own_size(models: Iterable[HashModel | CrossModalHashModel]) -> int | None:
    """Height and width of the images that models in memory take; None where they say nothing."""
    for model in models:
        towers = list(model.towers.values()) if isinstance(model, CrossModalHashModel) else [model]
        for tower in towers:
            if isinstance(tower, HashModel) and tower.modality.name == IMAGE:
                return tower.modality.shape[1]
    return None


def _sweeps(vary: Any) -> dict[str, dict[str, tuple[Any, ...]]]:
    if not isinstance(vary, Mapping) or not all(isinstance(one, Mapping) for one in vary.values()):
        raise UsageError(f"vary is a {type(vary).__name__}", hint='give {"rnm": {"steps": [10, 100]}}')
    return {
        attack: {option: tuple(_listed(values)) for option, values in fields.items()} for attack, fields in vary.items()
    }
