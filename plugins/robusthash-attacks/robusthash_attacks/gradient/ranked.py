"""Average precision of relaxed codes among labelled ones, and its slope, from histograms of distances."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from robusthash.adversary import Objective
from robusthash.contracts import CodeBank
from robusthash.hashing import sign

_CHUNK = 4096  #: items whose distances are in memory at once
_TINY = 1e-300  #: in float64: where a slope is all zero, it stays so
_ROUNDING = 1e-5  #: of average precisions in float32

Precision = Callable[[Tensor, Tensor], Tensor]
"""From counts of relevant and of other items, (n, K + 1) each by distance, to (n,) average precisions."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Items:
    """Labelled codes, those that are alike counted together.

    Attributes:
        codes: (m, K) float, in {-1, +1}.
        labels: (m, classes) float, in {0, 1}.
        counts: (m,) float, how many items each stands for.
    """

    codes: Tensor
    labels: Tensor
    counts: Tensor

    @classmethod
    def of(cls, bank: CodeBank) -> Self:
        """All items of a code bank."""
        bits = bank.codes.shape[1]
        alike, counts = torch.unique(torch.cat([bank.codes, bank.labels.to(bank.codes)], 1), dim=0, return_counts=True)
        return cls(codes=alike[:, :bits].float(), labels=alike[:, bits:].float(), counts=counts.float())

    def histograms(self, codes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Items by their distance to each code.

        A distance ``(K - <u, r>) / 2`` counts in the two bins next to it, by its nearness to each.

        Args:
            codes: (n, K) float in [-1, 1], without gradient.
            labels: (n, classes) float in {0, 1}: what shares one of these is relevant.

        Returns:
            (n, K + 1) each: relevant items, and all others.
        """
        bits = codes.shape[1]
        found = codes.new_zeros(2, len(codes), bits + 1)
        for _, low, part, weights in self._parts(codes, labels):
            for histogram, weight in zip(found, weights, strict=True):
                histogram.scatter_add_(1, low, weight * (1 - part)).scatter_add_(1, low + 1, weight * part)
        return found[0], found[1]

    def slope(self, codes: Tensor, labels: Tensor, steepness: tuple[Tensor, Tensor]) -> Tensor:
        """The gradient with respect to codes of what depends on them by their histograms.

        Args:
            codes: as for :meth:`histograms`.
            labels: the same.
            steepness: (n, K + 1) each, the gradients with respect to both histograms.

        Returns:
            (n, K).
        """
        rises = [one.diff(dim=1) for one in steepness]  # what a distance within a bin gains by growing
        total = torch.zeros_like(codes)
        for items, low, _, weights in self._parts(codes, labels):
            for rise, weight in zip(rises, weights, strict=True):
                total -= (rise.gather(1, low) * weight) @ items / 2
        return total

    def _parts(self, codes: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]]:
        """Some items, the lower bins of their distances, the shares in the upper ones, and both kinds' weights."""
        bits = codes.shape[1]
        for start in range(0, len(self.codes), _CHUNK):
            items, theirs, counts = (part[start : start + _CHUNK] for part in (self.codes, self.labels, self.counts))
            distance = ((bits - codes @ items.T) / 2).clamp(0, bits)
            low = distance.floor().clamp_max(bits - 1)
            relevant = (labels @ theirs.T > 0) * counts
            yield items, low.long(), distance - low, (relevant, counts - relevant)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked(Objective):
    """An objective whose iterates are compared by the average precision of their codes among some items.

    Attributes:
        items: what is ranked.
        labels: (n, classes) float, of what is relevant to each query.
        targeted: whether that is to be first, not last.
    """

    items: Items
    labels: Tensor
    targeted: bool = False

    def distance(self, outputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        relevant, others = self.items.histograms(sign(outputs.detach()), self.labels)
        if self.targeted:
            left = 1 - average_precision(relevant, others)
        else:
            left = average_precision(relevant, others) - _lowest(relevant, others)
        return torch.where(left < _ROUNDING, 0.0, left)

    def rows(self, rows: Tensor) -> Self:  # noqa: D102 - as in the base class
        return replace(self, labels=self.labels[rows])


def average_precision(relevant: Tensor, others: Tensor) -> Tensor:
    """Average precision of counts by distance, with tied items at the mean of their ranks.

    Args:
        relevant: (n, K + 1) float, items by distance.
        others: the same of all others.

    Returns:
        (n,) in [0, 1]; 0 where nothing is relevant.

    >>> average_precision(torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[0.0, 1.0, 0.0]]))  # 1/1 and 2/3
    tensor([0.8333])
    """
    before = relevant.cumsum(1) - relevant + (relevant + 1) / 2
    among = others.cumsum(1) - others / 2
    return _mean_precision(relevant, before, among)


def smooth_average_precision(temperature: float) -> Precision:
    """Average precision whose comparisons of two distances are logistic (Smooth-AP: Brown et al., ECCV 2020).

    Args:
        temperature: of the comparisons, in bits.
    """

    def precision(relevant: Tensor, others: Tensor) -> Tensor:
        bins = torch.arange(relevant.shape[1], dtype=relevant.dtype, device=relevant.device)
        nearer = torch.sigmoid((bins[:, None] - bins) / temperature)  # [b, c]: whether c is nearer than b
        # An item's comparison with itself is half a place; the item itself is a whole one.
        return _mean_precision(relevant, relevant @ nearer.T + 0.5, others @ nearer.T)

    return precision


def value_and_slope(items: Items, codes: Tensor, labels: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    """An average precision and its gradient, scaled to a largest element of 1 in each row.

    Unscaled, it falls below the smallest floats once all relevant items are nearest, and a backward pass takes tens of
    times longer on such numbers.

    Args:
        items: what is ranked.
        codes: (n, K) float in [-1, 1], without gradient.
        labels: (n, classes) float in {0, 1}.
        precision: of histograms.

    Returns:
        (n,) and (n, K).
    """
    with torch.enable_grad():
        histograms = [one.double().requires_grad_() for one in items.histograms(codes, labels)]
        values = precision(histograms[0], histograms[1])
        steepness = torch.autograd.grad(values.sum(), histograms)
    largest = torch.stack([one.abs().amax(1, keepdim=True) for one in steepness]).amax(0).clamp_min(_TINY)
    slope = items.slope(codes, labels, ((steepness[0] / largest).to(codes), (steepness[1] / largest).to(codes)))
    smallest = torch.finfo(slope.dtype).tiny
    return values.detach().to(codes), slope / slope.abs().amax(1, keepdim=True).clamp_min(smallest)


def _mean_precision(relevant: Tensor, before: Tensor, others: Tensor) -> Tensor:
    return (relevant * before / (before + others)).sum(1) / relevant.sum(1).clamp_min(1)


def _lowest(relevant: Tensor, others: Tensor) -> Tensor:
    """The average precision with all relevant items tied behind all others: (n,)."""
    last = torch.stack([relevant.new_zeros(len(relevant)), relevant.sum(1)], 1)
    first = torch.stack([others.sum(1), others.new_zeros(len(others))], 1)
    return average_precision(last, first)
