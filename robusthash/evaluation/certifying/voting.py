"""What a smoothed model says of its votes. It comes from a plugin, so it is read once and checked."""

from dataclasses import dataclass
from math import isfinite
from numbers import Integral, Real
from typing import Any

from robusthash.boundary import breach, foreign
from robusthash.contracts import HashModel, SmoothedModel
from robusthash.errors import UsageError
from robusthash.evaluation.victims.system import System
from robusthash.limits import LARGEST


@dataclass(frozen=True, kw_only=True, eq=False)
class Voting:
    """How a smoothed model votes, by its own account.

    Attributes:
        base: what votes.
        sigma: standard deviation of the noise, positive and finite.
        votes: noisy copies in a pass, at least 1.
    """

    base: HashModel
    sigma: float
    votes: int


def voting_of(system: System) -> Voting:
    """How the attacked tower of a system votes.

    Raises:
        UsageError: it does not vote over noise.
        ContractError: what it says of its votes cannot be true.
    """
    model = system.query_model
    if not isinstance(model, SmoothedModel):
        defense = system.victim.defense
        raise UsageError(
            f"{system.victim.use.name} with defense {defense.name if defense else 'none'} does not vote over noise",
            hint="certify it with --defense smoothed",
        )
    with foreign(model, "tell how it votes"):
        base, sigma, votes = model.model, model.sigma, model.votes
    if not isinstance(base, HashModel) or base.space != model.space or base.modality != model.modality:
        raise breach(model, f"votes by {_told(base)}", hint="`model` is a hash model of the same inputs and bits")
    if not _number(sigma, Real) or not (sigma > 0 and isfinite(sigma)):
        raise breach(model, f"has noise of sigma {_told(sigma)}", hint="a positive, finite number")
    if not _number(votes, Integral) or not 1 <= votes <= LARGEST:
        raise breach(model, f"takes {_told(votes)} votes", hint="a whole number of at least 1")
    return Voting(base=base, sigma=float(sigma), votes=int(votes))


def _number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _told(value: object) -> str:
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"more than {LARGEST:g}"  # thousands of digits have no text
    return repr(value) if isinstance(value, Real) else f"a {type(value).__name__}"
