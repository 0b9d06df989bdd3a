"""What became of the certified queries, beside their bounds: in a pass over them as they are, and in stored attacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from robusthash.contracts import Randomness, isolated_randomness, represented
from robusthash.errors import InputError
from robusthash.evaluation.certifying.bounds import Bounds, Floats, Packed
from robusthash.evaluation.certifying.certificate import Attacked
from robusthash.evaluation.victims.system import System
from robusthash.results import ADVERSARIAL, CLEAN, Record, ResultStore
from robusthash.results.records.arrays import IDS, QueryArrays
from robusthash.specs import Goal, Norm
from robusthash.training import encode

METRIC = "map"  #: what is bounded
_UNMOVED = "none"  #: the attack that moves no query
_ROUNDING = 1e-9  #: of means in float64


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The stored attacks on a certified system.

    Attributes:
        compared: the weakest radius first.
        unreadable: number of files that cannot be read, whatever they are of.
        elsewhere: number of attacks on the same model and queries, from a device or with a version of torch whose noise
            differs, and with it the database.
    """

    compared: tuple[Attacked, ...] = ()
    unreadable: int = 0
    elsewhere: int = 0


def unmoved(system: System, bounds: Bounds) -> Attacked:
    """A pass of the model over the queries as they are, as in an evaluation: a model that votes as it says keeps to it.

    Args:
        system: what is certified.
        bounds: of its queries.

    Raises:
        ContractError: an output of the model is NaN or infinite.
    """
    resources, model = system.resources, system.query_model
    ids = torch.tensor(resources.positions, device=resources.device)
    with isolated_randomness(Randomness(seed=resources.setting.seed, purpose="certify/pass"), ids):
        codes = encode(
            model,
            resources.queries.view(system.direction.query),
            device=resources.device,
            keep=lambda logits: represented(model, logits).cpu(),
        ).numpy()
    return _beside(bounds, _UNMOVED, 0.0, codes, bounds.scored(codes), np.zeros(len(codes)), digest=None)


def stored(system: System, bounds: Bounds, results: Path) -> Stored:
    """Stored untargeted L2 attacks on the same model, queries and database.

    Args:
        system: what is certified.
        bounds: of its queries.
        results: the folder.
    """
    store = ResultStore(results)
    records, problems = store.load_all()
    alike = [record for record in records if _alike(record, system)]
    here = [record for record in alike if _same_noise(record, system)]
    found = list(_compared(store, here, system, bounds))
    return Stored(
        compared=tuple(sorted(found, key=lambda one: (one.radius, one.attack, one.digest))),
        unreadable=len(problems) + len(here) - len(found),
        elsewhere=len(alike) - len(here),
    )


def _compared(store: ResultStore, records: list[Record], system: System, bounds: Bounds) -> Iterator[Attacked]:
    for record in records:
        attack = record.attack
        try:
            arrays = store.arrays(record)
            codes, scores = arrays.codes_at(ADVERSARIAL), arrays.scores_of(ADVERSARIAL, METRIC)
            moved = arrays.column(str(Norm.L2))
            _require_whole(arrays, codes, system)
        except InputError:  # counted; `robusthash leaderboard` tells what is wrong
            continue
        yield _beside(bounds, attack.name, attack.epsilon, codes, scores, moved, digest=record.digest)


def _require_whole(arrays: QueryArrays, codes: Packed, system: System) -> None:
    """Refuses a stranger's arrays that are not of these queries."""
    ids = arrays.column(IDS)
    if ids.tolist() != system.resources.positions or codes.shape[1] != system.space.width:
        raise InputError("the record's arrays are of other queries", hint="evaluate again with --force")


def _beside(
    bounds: Bounds, attack: str, radius: float, codes: Packed, scores: Floats, moved: Floats, *, digest: str | None
) -> Attacked:
    each = bounds.at(moved)
    return Attacked(
        attack=attack,
        radius=radius,
        value=float(scores.mean()),
        bound=float(each.mean()),
        below=int((~(scores >= each - _ROUNDING)).sum()),
        wrong=int(bounds.wrong(codes, moved).sum()),
        digest=digest,
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


def _same_noise(record: Record, system: System) -> bool:
    """Whether the database was hashed with the same noise, which the device and torch draw."""
    made = record.conditions
    device = system.resources.device.type
    return made.environment.get("device") == device and made.versions.get("torch") == torch.__version__
