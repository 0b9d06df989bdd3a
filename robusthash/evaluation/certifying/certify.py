"""Certifies a smoothed model: how low the average precision of its queries can fall within each L2 radius."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from robusthash.contracts import Progress
from robusthash.errors import OptionError, UsageError
from robusthash.evaluation.certifying.bounds import Bounds
from robusthash.evaluation.certifying.certificate import Certificate
from robusthash.evaluation.certifying.comparing import Stored, stored, unmoved
from robusthash.evaluation.certifying.votes import count_votes
from robusthash.evaluation.certifying.voting import Voting, voting_of
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.running.preparing.checking import check, known
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System, Systems
from robusthash.host import PluginHost
from robusthash.metrics.certified import CertifiedCodes, certified_codes, require_scipy
from robusthash.specs import Vote

_RADII, _DIGITS = 11, 4  #: of the default: how many, and their significant digits


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
        ContractError: the model is not what it says, or returns NaN.
        MissingDependencyError: scipy is not installed.
    """
    _check_numbers(radii, samples, confidence)
    require_scipy()
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
        voting = voting_of(system)
        _ = system.database  # hashed before the time is taken
        started = time.perf_counter()
        found = _codes(system, voting, samples, 1 - confidence, of)
        return _certificate(system, voting, found, tuple(radii), samples, confidence, results, started)
    finally:
        systems.close()


def _check_numbers(radii: Sequence[float], samples: int, confidence: float) -> None:
    if not all(0 <= radius < np.inf for radius in radii) or any(left >= right for left, right in pairwise(radii)):
        raise OptionError(f"radii are {', '.join(map(str, radii))}", hint="give lengths that ascend, such as 0, 0.25")
    if not 0 < 1 - confidence < 1:
        raise OptionError(f"confidence is {confidence}", hint="a probability below 1, such as 0.999")
    if samples < 1:
        raise OptionError(f"samples is {samples}", hint="at least 1; 1000 or more bound well")


def _codes(system: System, voting: Voting, samples: int, alpha: float, of: Vote) -> CertifiedCodes:
    resources = system.resources
    ones = count_votes(
        voting.base,
        resources.queries.view(system.direction.query),
        resources.positions,
        sigma=voting.sigma,
        samples=samples,
        seed=resources.setting.seed,
        device=resources.device,
        progress=resources.progress,
    )
    votes = voting.votes if of is Vote.DEPLOYED else None
    return certified_codes(ones, samples, sigma=voting.sigma, alpha=alpha, votes=votes)


def _steps(reach: float) -> list[float]:
    """Eleven radii up to the largest; fewer where that is nothing."""
    return list(dict.fromkeys(float(f"{radius:.{_DIGITS}g}") for radius in np.linspace(0, reach, _RADII)))


def _certificate(
    system: System,
    voting: Voting,
    found: CertifiedCodes,
    radii: tuple[float, ...],
    samples: int,
    confidence: float,
    results: Path | None,
    started: float,
) -> Certificate:
    resources, bounds = system.resources, Bounds(found, system)
    per_query = {radius: bounds.at(radius) for radius in radii or _steps(found.reach)}
    one = unmoved(system, bounds)
    seconds = time.perf_counter() - started
    others = Stored() if results is None else stored(system, bounds, results)
    victim, defense, floor = system.victim, system.victim.defense, bounds.floor
    assert defense is not None  # noqa: S101 - what votes is a defense
    return Certificate(
        model=asdict(victim.use),
        defense=asdict(defense),
        dataset=asdict(resources.dataset_use),
        direction=str(system.direction),
        queries=len(floor),
        sigma=voting.sigma,
        samples=samples,
        confidence=confidence,
        of=Vote.IDEAL if found.deployed is None else Vote.DEPLOYED,
        votes=voting.votes,
        clean=float(bounds.clean.mean()),
        abstained=found.abstained,
        bounds={radius: float(values.mean()) for radius, values in per_query.items()},
        floor=float(floor.mean()),
        lost=int((floor == 0).sum()),
        unmoved=one,
        attacked=others.compared,
        unreadable=others.unreadable,
        elsewhere=others.elsewhere,
        passes=len(floor) * (samples + voting.votes),
        seconds=seconds,
        seed=resources.setting.seed,
        ids=tuple(resources.positions),
        per_query={radius: tuple(values.tolist()) for radius, values in per_query.items()},
    )
