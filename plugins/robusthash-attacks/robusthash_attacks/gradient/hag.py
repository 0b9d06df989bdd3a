"""HAG, Hamming-space adversarial generation (Yang et al., IEEE Transactions on Cybernetics 2018)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack, Sloped
from robusthash.contracts import AttackBatch, AttackContext
from robusthash.errors import OptionError
from robusthash.hashing import sign


@dataclass(frozen=True, kw_only=True)
class HAG(Sloped, GradientAttack):
    """Drives the relaxed code to the opposite of the query's own, with the bits balanced.

    With ``h = tanh f(x)`` of the clean query, ``u = tanh(a f(x'))`` and the mask ``w`` of bits not yet flipped,
    minimises ``(<w u, w h> / sum(w) + 1)^2 + beta * mean(w u)^2`` per sample: the masked form with a bit-balance term
    that was released with SAAT (Yuan et al., TIFS 2023).
    """

    margin: float = 0.5  #: t: a bit counts as flipped once u is within t of the opposite sign
    beta: float = 1.0  #: weight of the bit balance

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.aim is not Aim.AWAY:
            raise OptionError(
                f"hag has no aim but 'away', not {self.aim!s}", hint="use tanh-p2p or tanh-p2s to pull to a target"
            )

    def find_aim(  # noqa: D102 - as in the base class
        self,
        batch: AttackBatch,  # noqa: ARG002 - as in the base class
        logits: Tensor,
        context: AttackContext,  # noqa: ARG002 - as in the base class
    ) -> Tensor:
        codes = torch.tanh(logits)
        # The sign of zero is +1, so the aim of a zero is the smallest negative number.
        return -torch.where(codes == 0, torch.finfo(codes.dtype).tiny, codes)

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        codes = self.relaxed(logits, progress)
        mask = (torch.sign(1 + self.margin - (codes.detach() + sign(aim)).abs()) + 1) / 2
        masked = mask * codes
        similarity = (masked * mask * -aim).sum(1) / mask.sum(1).clamp_min(1)
        return (similarity + 1) ** 2 + self.beta * masked.mean(1) ** 2
