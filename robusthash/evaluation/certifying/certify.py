"""Certifies a smoothed model: how low the average precision of its queries can fall within each L2 radius."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from robusthash.contracts import Progress, SmoothedModel
from robusthash.errors import InputError, OptionError, UsageError
from robusthash.evaluation.certifying.certificate import Attacked, Certificate
from robusthash.evaluation.certifying.votes import count_votes
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.running.preparing.checking import check, known
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System, Systems
from robusthash.host import PluginHost
from robusthash.metrics.certified import CertifiedCodes, certified_average_precision, certified_codes
from robusthash.results import ADVERSARIAL, CLEAN, Record, ResultStore
from robusthash.specs import Goal, Norm, Vote

_Bounds = Callable[[float | np.ndarray], np.ndarray]  #: of a radius, or of one for each query

METRIC = "map"  #: what is bounded
_ROUNDING = 1e-9  #: of means in float64


def certify(
    request: Request,
    host: PluginHost,
    *,
    radii: Sequence[float] = (),
    samples: int = 1000,
    confidence: float = 0.999,
    of: Vote = Vote.DEPLOYED,
    results: Path | None = None,
    progress: Progress,
) -> Certificate:
    """Bounds the mean average precision of a smoothed model from below, by L2 radius.

    Args:
        request: one model with one defense that smooths it, and the setting.
        host: the plugins.
        radii: L2 radii, ascending; none are ten steps up to the largest that any bit can have.
        samples: noisy copies of each query.
        confidence: probability, for each query, that all its bounds hold; of a deployed vote, in each pass that it
            takes.
        of: the vote that is certified.
        results: folder with stored attacks to compare with; None compares with none.
        progress: called with (done, total, what).

    Raises:
        UsageError: there are several models, or the defense does not vote over noise.
        OptionError: a value is outside its range.
        MissingDependencyError: scipy is not installed.
    """
    _check_numbers(radii, samples, confidence)
    resources = Resources(request.setting, host, progress)
    check(request, resources)
    cells = plan(request, known(request, resources))
    victims = {(cell.victim, cell.direction) for cell in cells}
    if len(victims) != 1:
        told = ", ".join(f"{victim} {direction}" for victim, direction in sorted(victims, key=str))
        raise UsageError(
            f"one model is certified at a time, and these are {len(victims)}: {told}",
            hint="name one --model, --bits and --direction",
        )
    systems = Systems(resources)
    try:
        victim, direction = next(iter(victims))
        system = systems.get(victim, direction)
        started = time.perf_counter()
        found = _codes(system, samples, 1 - confidence, of)
        seconds = time.perf_counter() - started
        return _certificate(system, found, tuple(radii), samples, confidence, results, seconds)
    finally:
        systems.close()


def _check_numbers(radii: Sequence[float], samples: int, confidence: float) -> None:
    if any(not radius >= 0 for radius in radii) or any(left >= right for left, right in pairwise(radii)):
        raise OptionError(f"radii are {', '.join(map(str, radii))}", hint="give lengths that ascend, such as 0, 0.25")
    if not 0 < confidence < 1:
        raise OptionError(f"confidence is {confidence}", hint="a probability below 1, such as 0.999")
    if samples < 1:
        raise OptionError(f"samples is {samples}", hint="at least 1; 1000 or more bound well")


def _smoothed(system: System) -> SmoothedModel:
    model = system.query_model
    if not isinstance(model, SmoothedModel):
        defense = system.victim.defense
        raise UsageError(
            f"{system.victim.use.name} with defense {defense.name if defense else 'none'} does not vote over noise",
            hint="certify it with --defense smoothed",
        )
    return model


def _codes(system: System, samples: int, alpha: float, of: Vote) -> CertifiedCodes:
    model, resources = _smoothed(system), system.resources
    ones = count_votes(
        model,
        resources.queries.view(system.direction.query),
        resources.positions,
        samples=samples,
        seed=resources.setting.seed,
        device=resources.device,
        progress=resources.progress,
    )
    votes = model.votes if of is Vote.DEPLOYED else None
    return certified_codes(ones, samples, sigma=model.sigma, alpha=alpha, votes=votes)


def _certificate(
    system: System,
    found: CertifiedCodes,
    radii: tuple[float, ...],
    samples: int,
    confidence: float,
    results: Path | None,
    seconds: float,
) -> Certificate:
    def bounds(radius: float | np.ndarray) -> np.ndarray:
        return certified_average_precision(
            found,
            radius,
            database.representation,
            resources.queries.labels,
            database.labels,
            relevance=resources.setting.relevance,
        )

    resources, database, model = system.resources, system.database, _smoothed(system)
    reach = radii or tuple(np.linspace(0, found.reach, 11).round(4).tolist())
    per_query = {radius: bounds(radius) for radius in reach}
    clean = bounds(-np.inf)  # no bit is open
    victim, defense = system.victim, system.victim.defense
    assert defense is not None  # noqa: S101 - what votes is a defense
    return Certificate(
        model=asdict(victim.use),
        defense=asdict(defense),
        dataset=asdict(resources.dataset_use),
        direction=str(system.direction),
        queries=len(clean),
        sigma=model.sigma,
        samples=samples,
        confidence=confidence,
        of=Vote.IDEAL if found.deployed is None else Vote.DEPLOYED,
        votes=model.votes,
        clean=float(clean.mean()),
        abstained=found.abstained,
        bounds={radius: float(values.mean()) for radius, values in per_query.items()},
        floor=float(bounds(np.inf).mean()),
        attacked=tuple(_attacked(system, bounds, results)) if results is not None else (),
        passes=len(clean) * samples,
        seconds=seconds,
        seed=resources.setting.seed,
        per_query={radius: tuple(values.tolist()) for radius, values in per_query.items()},
    )


def _attacked(system: System, bounds: _Bounds, results: Path) -> Iterator[Attacked]:
    """Stored L2 attacks on the same model and queries, the weakest radius first."""
    store = ResultStore(results)
    records = [record for record in store.load_all()[0] if _alike(record, system)]
    for record in sorted(records, key=lambda one: (one.attack.epsilon, one.attack.name, one.digest)):
        try:
            arrays = store.arrays(record)
            scores, moved = arrays.scores_of(ADVERSARIAL, METRIC), arrays.column(str(Norm.L2))
        except InputError:  # told by `robusthash leaderboard`; a certificate does not depend on it
            continue
        each = bounds(moved)
        yield Attacked(
            attack=record.attack.name,
            radius=record.attack.epsilon,
            value=float(scores.mean()),
            bound=float(each.mean()),
            below=int((scores < each - _ROUNDING).sum()),
            digest=record.digest,
        )


def _alike(record: Record, system: System) -> bool:
    victim, resources = system.victim, system.resources
    return (
        record.attack.norm is Norm.L2
        and record.attack.goal is Goal.UNTARGETED
        and record.victim.model == victim.use
        and record.victim.defense == victim.defense
        and record.victim.direction == system.direction
        and record.dataset.digest == resources.dataset_use.digest  # another database has other bounds
        and record.dataset.query_digest == resources.dataset_use.query_digest
        and record.scoring.relevance == resources.setting.relevance
        and METRIC in record.scoring.protocols
        and CLEAN in record.outcome.metrics
    )
