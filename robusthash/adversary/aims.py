"""Aims: the code, or descriptor, that an attack moves a query's towards."""

from collections.abc import Callable
from enum import StrEnum

from torch import Tensor

from robusthash.contracts import AttackBatch, CodeBank, Space
from robusthash.errors import CapabilityError
from robusthash.hashing import centre, mainstay, mean, sign, vote
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
    LEARNT = "learnt"  #: a code of the target label that the attack has learnt from the code bank

    @property
    def goal(self) -> Goal:
        """The goal of an attack with this aim."""
        return Goal.TARGETED if self in _TARGETED else Goal.UNTARGETED

    @property
    def needs(self) -> frozenset[Capability]:
        """What an attack with this aim needs besides gradients."""
        return _NEEDS[self]


_BANK = frozenset({Capability.CODE_BANK})
_TARGETED = {Aim.P2P, Aim.P2S, Aim.TO_CENTRE, Aim.TO_MAINSTAY, Aim.LEARNT}
_NEEDS: dict[Aim, frozenset[Capability]] = {
    Aim.AWAY: frozenset(),
    **dict.fromkeys((Aim.OTHER, Aim.P2P, Aim.P2S), frozenset({Capability.ANCHORS})),
    **dict.fromkeys((Aim.CENTRE, Aim.MAINSTAY), _BANK | {Capability.LABELS}),
    **dict.fromkeys((Aim.TO_CENTRE, Aim.TO_MAINSTAY, Aim.LEARNT), _BANK),
}


def find_aim(aim: Aim, batch: AttackBatch, logits: Tensor, space: Space, bank: CodeBank | None = None) -> Tensor:
    """The code or descriptor to reach, for each query.

    In a vector space, the opposite of a code becomes the negated descriptor, which has the largest angle, and a vote
    becomes a mean.

    Args:
        aim: its name.
        batch: the queries, with the anchors, labels or target labels that the aim needs.
        logits: (n, size) float, outputs of the model for the clean queries.
        space: where these are compared.
        bank: codes and labels of the train split, for aims that represent a label.

    Returns:
        (n, size), in {-1, +1} for codes, with the dtype and device of the logits.

    Raises:
        CapabilityError: something that the aim needs is missing, the aim does not exist in this space, or it is
            ``learnt``, which only an attack that learns it can find.
    """
    known = _AIMS if space.binary else _DESCRIPTOR_AIMS
    if aim not in known:
        raise CapabilityError(
            f"the aim {aim.value!r} is defined for codes only, and the model outputs descriptors ({space})",
            hint=f"use one of: {', '.join(known)}",
        )
    return known[aim](batch, logits, bank).to(logits)


Finder = Callable[[AttackBatch, Tensor, CodeBank | None], Tensor]


def _away(_batch: AttackBatch, logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return -sign(logits)


def _reflected(_batch: AttackBatch, logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return -logits


def _one(batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return vote(_given(batch.anchors, "anchor codes")[:, :1])


def _first(batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return _given(batch.anchors, "anchors")[:, 0]


def _majority(batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return vote(_given(batch.anchors, "anchor codes"))


def _mean(batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    return mean(_given(batch.anchors, "anchors"))


def _mean_of_label(labels: Tensor, descriptors: Tensor, bank_labels: Tensor) -> Tensor:
    """Mean descriptor of the items that share a label with each query: (n, d)."""
    shared = (labels.to(descriptors) @ bank_labels.to(descriptors).T > 0).to(descriptors)
    return shared @ descriptors / shared.sum(1, keepdim=True).clamp_min(1)


def _represented(representative: Callable[[Tensor, Tensor, Tensor], Tensor], *, flee: bool) -> Finder:
    def find(batch: AttackBatch, _logits: Tensor, bank: CodeBank | None) -> Tensor:
        if bank is None:
            raise CapabilityError("this aim needs the code bank, and there is none", hint="use the aim 'away'")
        labels = _given(batch.labels, "labels") if flee else _given(batch.targets, "target labels")
        code = representative(labels, bank.codes, bank.labels)
        return -code if flee else code

    return find


def _learnt(_batch: AttackBatch, _logits: Tensor, _bank: CodeBank | None) -> Tensor:
    raise CapabilityError("the aim 'learnt' exists only in an attack that learns it", hint="use the aim 'to-mainstay'")


def _given(tensor: Tensor | None, what: str) -> Tensor:
    if tensor is None:
        raise CapabilityError(f"this aim needs {what}, and the batch has none", hint="use the aim 'away'")
    return tensor


_AIMS: dict[Aim, Finder] = {
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
_DESCRIPTOR_AIMS: dict[Aim, Finder] = {
    Aim.AWAY: _reflected,
    Aim.OTHER: _first,
    Aim.P2P: _first,
    Aim.P2S: _mean,
    Aim.CENTRE: _represented(_mean_of_label, flee=True),
    Aim.TO_CENTRE: _represented(_mean_of_label, flee=False),
}
