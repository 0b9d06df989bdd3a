"""Randomised smoothing of hash codes: votes over Gaussian noise, for each bit (after Cohen et al., ICML 2019)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from robusthash.contracts import Defense, DefenseContext, Draws, HashModel, SmoothedModel
from robusthash.errors import OptionError
from robusthash.hashing import sign

#: Votes of a pass whose graphs are kept: as many as are usual. One that is computed again takes half as much more.
_KEPT = 31


class Voted(SmoothedModel):
    """A smoothed model that estimates its votes anew in each pass.

    A pass returns the mean vote of each bit, in [-1, 1]. A vote is a sign, with the gradient of the logits' tanh. The
    memory of a pass does not grow with the votes: beyond the usual number, each is computed again for the gradient.
    """

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        total = torch.zeros(len(inputs), self.space.size, device=inputs.device)
        for number in range(self.votes):
            if number < _KEPT or not torch.is_grad_enabled():
                soft, rest = self._vote(inputs)
            else:
                soft, rest = checkpoint(self._vote, inputs, use_reentrant=False)  # draws the same noise again
            total = total + soft + rest
        return total / self.votes

    def _vote(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The part of a vote that has a gradient, and what it lacks to a sign."""
        logits = self.model(inputs + self.sigma * torch.randn_like(inputs))
        soft = torch.tanh(logits)
        return soft, (sign(logits) - soft).detach()


def check_votes(sigma: float, votes: int) -> None:
    """Refuses noise and numbers of votes that decide nothing.

    Raises:
        OptionError: a value is outside its range.
    """
    if not sigma > 0:
        raise OptionError(f"sigma={sigma}", hint="it must be positive")
    if votes < 1 or votes % 2 == 0:
        raise OptionError(f"votes={votes}", hint="a positive odd number: an even one can end in a draw")


@dataclass(frozen=True, kw_only=True)
class Smoothing(Defense):
    """Replaces each bit by the majority vote of noisy copies of the input; ``robusthash certify`` bounds what is left.

    A network that has never seen noise votes badly: ``smoothed-trained`` trains it on noise first.
    """

    draws: ClassVar[Draws] = Draws.PER_CALL

    sigma: float = 0.25  #: standard deviation of the noise, in pixel space
    votes: int = 31  #: noisy copies of each input, odd; each costs a pass

    def __post_init__(self) -> None:
        check_votes(self.sigma, self.votes)

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:  # noqa: ARG002, D102 - as in the base class
        return Voted(model, self.sigma, self.votes)
