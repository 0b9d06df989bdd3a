"""Aims: the code that an attack pulls a query to."""

from collections.abc import Callable
from enum import StrEnum

from torch import Tensor

from robusthash.contracts import AttackBatch
from robusthash.errors import CapabilityError
from robusthash.hashing import sign, vote
from robusthash.specs import Capability, Goal


class Aim(StrEnum):
    """Names of the aims."""

    AWAY = "away"  #: the opposite of the query's own code
    OTHER = (
        "other"  #: the code of one item with another label, in an untargeted attack (Huang et al. 2022, section 5.5)
    )
    P2P = "p2p"  #: point to point: the code of one item with the target label
    P2S = "p2s"  #: point to set: the vote of several items with the target label

    @property
    def goal(self) -> Goal:
        """What an attack with this aim is judged by."""
        return Goal.TARGETED if self in {Aim.P2P, Aim.P2S} else Goal.UNTARGETED

    @property
    def needs(self) -> frozenset[Capability]:
        """What an attack with this aim must be given, beside gradients."""
        return frozenset() if self is Aim.AWAY else frozenset({Capability.ANCHORS})


def aim_code(aim: Aim, batch: AttackBatch, logits: Tensor) -> Tensor:
    """The code to reach, for each query.

    Args:
        aim: which code.
        batch: the queries; with anchors for every aim but ``away``.
        logits: (n, bits) float, of the clean queries.

    Returns:
        (n, bits) in {-1, +1}, in the logits' dtype.

    Raises:
        CapabilityError: the batch has no anchors.
    """
    return _AIMS[aim](batch, logits)


def _away(_batch: AttackBatch, logits: Tensor) -> Tensor:
    return -sign(logits)


def _one(batch: AttackBatch, logits: Tensor) -> Tensor:
    return vote(_anchors(batch)[:, :1]).to(logits.dtype)


def _majority(batch: AttackBatch, logits: Tensor) -> Tensor:
    return vote(_anchors(batch)).to(logits.dtype)


def _anchors(batch: AttackBatch) -> Tensor:
    if batch.anchors is None:
        raise CapabilityError("this aim needs anchor codes, and the batch has none", hint="use the aim 'away'")
    return batch.anchors


_AIMS: dict[Aim, Callable[[AttackBatch, Tensor], Tensor]] = {
    Aim.AWAY: _away,
    Aim.OTHER: _one,
    Aim.P2P: _one,
    Aim.P2S: _majority,
}
