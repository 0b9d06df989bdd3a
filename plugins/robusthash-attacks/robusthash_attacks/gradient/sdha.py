"""SDHA, smart deep hashing attack (Lu et al., ICMR 2021), in the form released with SAAT."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from robusthash.adversary import Sloped, Step, step_rule
from robusthash.contracts import AttackBatch, AttackContext, CodeBank
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import binarise, sign
from robusthash.specs import Norm
from robusthash_attacks.gradient.relevant import Relevant

_CHUNK = 8192  #: items of the bank that are weighted at once
_PART = 20_000  #: pairs of a query and an item that a CPU weighs in the time that one more part takes by itself


@dataclass(frozen=True, kw_only=True)
class SDHA(Relevant, Sloped):
    """Moves a query away from all relevant codes of the train split, or towards those of the target label.

    With ``q = tanh(a f(x'))``, the logistic function ``s`` and the codes ``r_j`` of the items that share a label,
    minimises ``MSE(x', x) - weight / K * mean_j(d_j D_j^-z)`` per sample, where ``D_j`` is the Hamming distance, at
    least 1, and ``d_j = sum_k |q_k - r_jk| s(sigma q_k r_jk) / 2 + 1 - s(sigma q_k r_jk)``. Targeted, the second term
    is added, ``d_j = sum_k |q_k - r_jk| s(-sigma q_k r_jk) / 2``.
    """

    effort: ClassVar[str | None] = "steps"

    steps: int = 100  #: steps of Adam
    step_size: float = 0.01  #: learning rate of Adam, as a share of the box
    sigma: float | None = None  #: steepness of the logistic function; none is 5, or 10 if targeted
    z: float | None = None  #: items weigh (distance)^-z; none is 1/2, or -3/10 if targeted: far codes weigh more
    weight: float = 25.0  #: of the codes' term, relative to the image's mean squared error

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1 or self.step_size <= 0:
            raise OptionError(f"steps={self.steps}, step_size={self.step_size}", hint="both are positive")

    @property
    def norms(self) -> frozenset[Norm]:
        """L-infinity and L2."""
        return frozenset({Norm.LINF, Norm.L2})

    def loss(self, logits: Tensor, progress: float, weigh: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        """The codes' term of the loss per sample, to be minimised.

        Each ``d_j`` is affine in ``r_j``, so its weighted mean needs only two sums over the items.

        Args:
            logits: (n, bits) float, of the perturbed queries.
            progress: share of the steps already made, in [0, 1).
            weigh: from codes (n, bits) in {-1, +1} to the mean weight ``D_j^-z`` (n,), and the mean of the weight
                times ``r_j`` (n, bits), over each query's items.

        Returns:
            (n,) float.
        """
        bits = logits.shape[1]
        codes = self.relaxed(logits, progress)
        to_plus, to_minus = self._distance(codes, 1), self._distance(codes, -1)
        total, pulled = weigh(sign(logits))
        mean = (to_plus + to_minus).sum(1) / 2 * total + ((to_plus - to_minus) / 2 * pulled).sum(1)
        return (mean if self.targeted else -mean) * self.weight / bits

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        size = self.step_size * context.threat.box.width
        clean, rule = batch.inputs, step_rule(Step.ADAM, size=size, steps=self.steps)
        inside = partial(context.threat.project, clean=clean)
        weigh = self._weigher(batch, context)
        adversarial = clean
        if context.restart:
            uniform = context.random.uniform(batch.ids, tuple(clean.shape[1:]), restart=context.restart)
            adversarial = context.threat.point(uniform, clean)
        for step in range(self.steps):
            image = context.threat.deliver(adversarial, clean).requires_grad_()
            codes = self.loss(context.surrogate(image), step / self.steps, weigh)
            error = (image - clean).square().flatten(1).mean(1)
            losses = error + codes
            (gradient,) = torch.autograd.grad(losses.sum(), image)
            adversarial = rule.move(adversarial, gradient, losses.detach(), inside)
        return adversarial

    def _distance(self, codes: Tensor, code: int) -> Tensor:
        sigma = self.sigma if self.sigma is not None else 10.0 if self.targeted else 5.0
        apart, agree = (codes - code).abs() / 2, sigma * codes * code
        if self.targeted:
            return apart * torch.sigmoid(-agree)
        return apart * torch.sigmoid(agree) + 1 - torch.sigmoid(agree)

    def _weigher(self, batch: AttackBatch, context: AttackContext) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        labels, items = self.relevance(batch, context)
        z = self.z if self.z is not None else -0.3 if self.targeted else 0.5
        bank = CodeBank(codes=items.codes.to(labels.device), labels=items.labels.to(labels.device))
        parts, count = _parts(labels, bank)
        alone = count == 0
        if self.targeted and alone.any():
            raise CapabilityError(
                f"no item of the train split has a target label of query {int(batch.ids[alone][0])}",
                hint="use an attack with the aim 'p2s'",
            )
        own: Tensor | None = None
        if alone.any():  # a query without relevant items moves away from its own code
            with torch.no_grad():
                own = binarise(context.surrogate(batch.inputs))
        return lambda codes: _weighed(codes, parts, count, z, own)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Some queries, and the items that they are weighed against.

    Attributes:
        rows: (q,) int64, positions of the queries in the batch.
        items: (m, bits) int8, codes.
        related: (q, m) bool, which items are relevant to each; None if all are.
    """

    rows: Tensor
    items: Tensor
    related: Tensor | None = None


def _parts(labels: Tensor, bank: CodeBank) -> tuple[list[_Part], Tensor]:
    """All pairs of a query and an item that is relevant to it, and the number of items of each query.

    Queries with the same labels have the same items. One part for each of these weighs no other pair: of ten classes, a
    tenth of all. Many parts of few queries are slower than one of all pairs, and so are parts on a GPU.
    """
    kinds, kind = torch.unique(labels, dim=0, return_inverse=True)
    related = kinds.float() @ bank.labels.float().T > 0
    count = related.sum(1)[kind]
    if labels.device.type == "cpu" and int(count.sum()) + _PART * len(kinds) < len(labels) * len(bank.labels):
        of_kind = [(kind == one).nonzero().squeeze(1) for one in range(len(kinds))]
        return [_Part(rows=rows, items=bank.codes[one]) for rows, one in zip(of_kind, related, strict=True)], count
    return [_Part(rows=torch.arange(len(labels), device=labels.device), items=bank.codes, related=related[kind])], count


def _weighed(
    codes: Tensor, parts: Sequence[_Part], count: Tensor, z: float, own: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Mean weight, and mean weighted code, over each query's items, or over its own code if it has none."""
    bits = codes.shape[1]
    total, pulled = codes.new_zeros(len(codes)), torch.zeros_like(codes)
    for part in parts:
        mine = codes[part.rows]
        for start in range(0, len(part.items), _CHUNK):
            items = part.items[start : start + _CHUNK].to(codes.dtype)
            # At distance 0 the published weight is huge, bounded by a tiny constant; here it is that of distance 1.
            weights = ((bits - mine @ items.T) / 2).clamp_min(1) ** -z
            if part.related is not None:
                weights = weights * part.related[:, start : start + _CHUNK]
            total[part.rows] += weights.sum(1)
            pulled[part.rows] += weights @ items
    if own is not None:
        weight = ((bits - (codes * own).sum(1)) / 2).clamp_min(1) ** -z
        total, pulled = (
            torch.where(count > 0, total, weight),
            torch.where(count[:, None] > 0, pulled, weight[:, None] * own),
        )
    return total / count.clamp_min(1), pulled / count.clamp_min(1)[:, None]
