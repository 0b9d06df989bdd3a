"""The base class of gradient attacks: a method defines a loss on a code to reach, and the engine does the rest."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.adversary.aimed import Aimed
from robusthash.adversary.aims import find_aim
from robusthash.adversary.descent import DescentAttack
from robusthash.adversary.objective import Objective, Towards
from robusthash.boundary import breach
from robusthash.contracts import AttackBatch, AttackContext


@dataclass(frozen=True, kw_only=True)
class GradientAttack(Aimed, DescentAttack):
    """A loss over logits, minimised by projected gradient descent towards an aim.

    Raises:
        OptionError: an option is outside its range, or two options exclude each other.
    """

    @abstractmethod
    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        """The loss of each sample, to be minimised.

        Args:
            logits: (n, bits) float, of the perturbed queries; descriptors, (n, d), if the attack works on those.
            aim: what :meth:`find_aim` returned for these queries.
            progress: share of the steps already taken, in [0, 1).

        Returns:
            (n,) float.
        """

    def find_aim(self, batch: AttackBatch, logits: Tensor, context: AttackContext) -> Tensor:
        """The code or descriptor to reach; a method may return a relaxed code.

        Args:
            batch: the queries.
            logits: (n, size) float, of the clean queries.
            context: all that the attack may know.

        Returns:
            (n, size) float; in Hamming space its signs are the code. Or (n, parts, size), for a loss over more than the
            code to reach: the first part is that code.

        Raises:
            CapabilityError: something that the aim needs is missing.
        """
        return find_aim(self.aim, batch, logits, context.surrogate.space, context.bank)

    def objective(self, batch: AttackBatch, context: AttackContext) -> Objective:  # noqa: D102 - as in the base class
        with torch.no_grad():
            aim = self.find_aim(batch, context.surrogate(batch.inputs), context)
        return Towards(aim=aim, of=self._checked_loss, space=context.surrogate.space)

    def _checked_loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        """What :meth:`loss` returns, if it is one differentiable number for each sample.

        Raises:
            ContractError: it is not.
        """
        losses: object = self.loss(logits, aim, progress)
        if not isinstance(losses, Tensor):
            raise breach(self, f"returned the loss {type(losses).__name__}", hint=f"return ({len(logits)},) floats")
        cut = logits.requires_grad and not losses.requires_grad
        if losses.shape != (len(logits),) or not losses.is_floating_point() or cut:
            gradient = " without gradient" if cut else ""
            raise breach(
                self,
                f"returned the loss {tuple(losses.shape)} {losses.dtype}{gradient} for {len(logits)} samples",
                hint=f"return ({len(logits)},) floats that depend on the logits",
            )
        return losses
