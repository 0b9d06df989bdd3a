"""Aims: the code that an attack pulls a query to."""

from collections.abc import Callable
from enum import StrEnum

from torch import Tensor

from robusthash.contracts import AttackBatch, CodeBank
from robusthash.errors import CapabilityError
from robusthash.hashing import centre, mainstay, sign, vote
from robusthash.specs import Capability, Goal


class Aim(StrEnum):
    """Names of the aims."""

    AWAY = "away"  #: the opposite of the query's own code
    OTHER = (
        "other"  #: the code of one item with another label, in an untargeted attack (Huang et al. 2022, section 5.5)
    )
    P2P = "p2p"  #: point to point: the code of one item with the target label
    P2S = "p2s"  #: point to set: the vote of several items with the target label
    CENTRE = "centre"  #: the opposite of the centre code of the query's own label (CgAT)
    MAINSTAY = "mainstay"  #: the opposite of the mainstay code of the query's own label (SAAT)
    TO_CENTRE = "to-centre"  #: the centre code of the target label
    TO_MAINSTAY = "to-mainstay"  #: the mainstay code of the target label
    LEARNT = "learnt"  #: a code of the target label that the attack itself has learnt from the code bank

    @property
    def goal(self) -> Goal:
        """What an attack with this aim is judged by."""
        return Goal.TARGETED if self in _TARGETED else Goal.UNTARGETED

    @property
    def needs(self) -> frozenset[Capability]:
        """What an attack with this aim must be given, beside gradients."""
        return _NEEDS[self]


_BANK = frozenset({Capability.CODE_BANK})
_TARGETED = {Aim.P2P, Aim.P2S, Aim.TO_CENTRE, Aim.TO_MAINSTAY, Aim.LEARNT}
_NEEDS: dict[Aim, frozenset[Capability]] = {
    Aim.AWAY: frozenset(),
    **dict.fromkeys((Aim.OTHER, Aim.P2P, Aim.P2S), frozenset({Capability.ANCHORS})),
    **dict.fromkeys((Aim.CENTRE, Aim.MAINSTAY), _BANK | {Capability.LABELS}),
    **dict.fromkeys((Aim.TO_CENTRE, Aim.TO_MAINSTAY, Aim.LEARNT), _BANK),
}


def aim_code(aim: Aim, batch: AttackBatch, logits: Tensor, bank: CodeBank | None = None) -> Tensor:
    """The code to reach, for each query.

    Args:
        aim: which code.
        batch: the queries; with the anchors, labels or target labels that the aim is found by.
        logits: (n, bits) float, of the clean queries.
        bank: codes and labels of the train split, for the aims that represent a label.

    Returns:
        (n, bits) in {-1, +1}, in the logits' dtype and on their device.

    Raises:
        CapabilityError: something that the aim needs is not there; ``learnt`` is for attacks that find it themselves.
    """
    return _AIMS[aim](batch, logits, bank).to(logits)


def _away(_batch: AttackBatch, logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return -sign(logits)


def _one(batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return vote(_given(batch.anchors, "anchor codes")[:, :1])


def _majority(batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return vote(_given(batch.anchors, "anchor codes"))


def _represented(
    representative: Callable[[Tensor, Tensor, Tensor], Tensor], *, flee: bool
) -> Callable[[AttackBatch, Tensor, CodeBank | None], Tensor]:
    def find(batch: AttackBatch, _logits: Tensor, bank: CodeBank | None) -> Tensor:
        if bank is None:
            raise CapabilityError("this aim needs the code bank, and there is none", hint="use the aim 'away'")
        labels = _given(batch.labels, "labels") if flee else _given(batch.targets, "target labels")
        code = representative(labels, bank.codes, bank.labels)
        return -code if flee else code

    return find


def _learnt(_batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    raise CapabilityError("the aim 'learnt' is found by an attack that learns it", hint="use the aim 'to-mainstay'")


def _given(tensor: Tensor | None, what: str) -> Tensor:
    if tensor is None:
        raise CapabilityError(f"this aim needs {what}, and the batch has none", hint="use the aim 'away'")
    return tensor


_AIMS: dict[Aim, Callable[[AttackBatch, Tensor, CodeBank | None], Tensor]] = {
    Aim.AWAY: _away,
    Aim.OTHER: _one,
    Aim.P2P: _one,
    Aim.P2S: _majority,
    Aim.CENTRE: _represented(centre, flee=True),
    Aim.MAINSTAY: _represented(mainstay, flee=True),
    Aim.TO_CENTRE: _represented(centre, flee=False),
    Aim.TO_MAINSTAY: _represented(mainstay, flee=False),
    Aim.LEARNT: _learnt,
}
