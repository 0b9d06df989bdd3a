"""The attack of FPAD, on fuzzy prototypes of the classes (Yu et al., IEEE TCSVT 2025, as released)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack, Sloped
from robusthash.contracts import AttackBatch, AttackContext, LearningContext
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import sign
from robusthash_crossmodal.fuzzy import class_prototypes

_PROTOTYPES = "prototypes"


@dataclass(frozen=True, kw_only=True)
class FPAD(Sloped, GradientAttack):
    """Pulls a query to the prototypes of the classes that it does not have, and away from its own.

    With ``u = tanh(a f(x'))``, the prototypes ``A_c`` in {-1, +1}^K, ``s_c = (<u, A_c> - K) / 2K`` and the temperature
    ``t``, minimises per sample ``-log(p / (p + sum_own exp(t s_c)))`` with ``p = exp(t mean_other s_c)``.
    ``fit`` learns the prototypes: signs of fuzzy c-means over the codes of the train split.
    """

    aim: Aim = Aim.CENTRE  #: a code that stands for the query's labels; here it is made of the prototypes
    temperature: float = 20.0  #: t: how much the nearest of the query's own prototypes counts
    fuzziness: float = 1.01  #: m of the fuzzy c-means; at 1 an item belongs to one class alone

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.aim is not Aim.CENTRE:
            raise OptionError(f"fpad has no aim but 'centre', not {self.aim!s}", hint="use mainstay to choose an aim")
        if self.temperature <= 0 or self.fuzziness < 1:
            raise OptionError(
                f"temperature={self.temperature}, fuzziness={self.fuzziness}", hint="positive, and at least 1"
            )

    def fit(self, context: LearningContext) -> Mapping[str, Tensor]:  # noqa: D102 - as in the base class
        bank = context.bank
        return {_PROTOTYPES: class_prototypes(bank.codes, bank.labels, m=self.fuzziness)}

    def find_aim(self, batch: AttackBatch, logits: Tensor, context: AttackContext) -> Tensor:
        """The code to reach, the mean of the other classes' prototypes, and the query's own: (n, 2 + labels, bits).

        Own prototypes that a query lacks are rows of zeros. A query without a known label moves away from its code.
        """
        if context.fitted is None or batch.labels is None or context.bank is None:
            raise CapabilityError("fpad needs labels, the code bank and learnt prototypes", hint="call `learn` first")
        prototypes = context.fitted[_PROTOTYPES].to(logits)
        mean, mine = sides(batch.labels, prototypes)
        unknown = ~mine.any(2).any(1)
        mine[unknown, 0] = sign(logits)[unknown]
        count = mine.any(2).sum(1, keepdim=True)
        away = mine.sum(1) / count
        reached = torch.where(mean == away, -away, mean - away)
        return torch.cat([torch.where(reached < 0, -1.0, 1.0)[:, None], mean[:, None], mine], dim=1)

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        return contrast(self.relaxed(logits, progress), aim[:, 1], aim[:, 2:], self.temperature)


def sides(labels: Tensor, prototypes: Tensor) -> tuple[Tensor, Tensor]:
    """What FPAD's attack pulls an item to, and what it pushes it away from.

    Args:
        labels: (n, classes) in {0, 1}.
        prototypes: (classes, bits) float in {-1, +1}; rows of zeros are classes without a prototype.

    Returns:
        The mean prototype of the classes that an item does not have, (n, bits), and those of its own, (n, most, bits)
        with rows of zeros where it has fewer.
    """
    known = prototypes.any(1)
    own = labels.bool() & known
    other = (~labels.bool() & known).to(prototypes)
    mean = other @ prototypes / other.sum(1, keepdim=True).clamp_min(1)
    most = max(1, int(own.sum(1).max()))
    first = own.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    return mean, prototypes[first] * own.gather(1, first).unsqueeze(2)


def contrast(relaxed: Tensor, pull: Tensor, push: Tensor, temperature: float) -> Tensor:
    """FPAD's contrast loss, to be minimised, for each sample.

    Args:
        relaxed: (n, bits) float in [-1, 1].
        pull: (n, bits) float, mean of the prototypes to come near to. Their mean similarity is that of their mean.
        push: (n, prototypes, bits) float, those to leave; rows of zeros are absent.
        temperature: t.

    Returns:
        (n,) float.

    >>> u, one = torch.tensor([[1.0, 1.0]]), torch.tensor([[-1.0, 1.0]])
    >>> contrast(u, one, u[:, None], temperature=2.0)  # p = e^-1, q = e^0
    tensor([1.3133])
    """
    bits = relaxed.shape[1]
    near = temperature * ((relaxed * pull).sum(1) / bits - 1) / 2
    own = temperature * ((push @ relaxed.unsqueeze(2)).squeeze(2) / bits - 1) / 2
    own = own.masked_fill(~push.any(2), -torch.inf)
    return torch.logsumexp(torch.cat([near[:, None], own], dim=1), dim=1) - near
