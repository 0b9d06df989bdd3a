"""Randomised smoothing of hash codes: votes over Gaussian noise, for each bit (after Cohen et al., ICML 2019)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import ClassVar

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from robusthash.contracts import Defense, DefenseContext, Draws, HashModel, SmoothedModel
from robusthash.errors import OptionError
from robusthash.hashing import sign

#: Votes of a pass whose graphs are kept: as many as are usual. One that is computed again takes half as much more.
_KEPT = 31

_Vote = tuple[Tensor, Tensor]  #: the part of a vote that has a gradient, and what it lacks to a sign


class Voted(SmoothedModel):
    """A smoothed model that estimates its votes anew in each pass.

    A pass returns the mean vote of each bit, in [-1, 1]. A vote is a sign, with the gradient of the logits' tanh. The
    memory of a pass does not grow with the votes: beyond the usual number, each is computed again for the gradient.
    """

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        total = torch.zeros(len(inputs), self.space.size, device=inputs.device)
        for number in range(self.votes):
            if number < _KEPT or not torch.is_grad_enabled():
                soft, rest = self._vote(self.model, inputs)
            else:
                soft, rest = checkpoint(self._repeatable(), inputs, use_reentrant=False)  # draws the same noise again
            total = total + soft + rest
        return total / self.votes

    def _vote(self, network: Callable[[Tensor], Tensor], inputs: Tensor) -> _Vote:
        logits = network(inputs + self.sigma * torch.randn_like(inputs))
        soft = torch.tanh(logits)
        return soft, (sign(logits) - soft).detach()

    def _repeatable(self) -> Callable[[Tensor], _Vote]:
        """A vote that can be computed again, as if it were the first time.

        In training mode a pass changes buffers, such as the running statistics of batch normalisation. Another pass
        over the same vote starts from copies of what they were, and leaves the network's own as they are.
        """
        before: dict[str, Tensor] = {}

        def vote(inputs: Tensor) -> _Vote:
            if before:
                copies = {name: buffer.clone() for name, buffer in before.items()}
                return self._vote(partial(functional_call, self.model, copies), inputs)
            if any(module.training for module in self.model.modules()):
                before.update((name, buffer.clone()) for name, buffer in self.model.named_buffers())
            return self._vote(self.model, inputs)

        return vote


def check_votes(sigma: float, votes: int) -> None:
    """Refuses noise and numbers of votes that decide nothing.

    Raises:
        OptionError: a value is outside its range.
    """
    if not (sigma > 0 and isfinite(sigma)):
        raise OptionError(f"sigma={sigma}", hint="it must be positive, and finite")
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
