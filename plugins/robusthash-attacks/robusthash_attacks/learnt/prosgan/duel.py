"""Generator against discriminator, while they are learnt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from robusthash.contracts import LearningContext, Threat, seeded
from robusthash.training import optimizer_state, prefixed, restore_optimizer, under
from robusthash_attacks.learnt.examples import Examples
from robusthash_attacks.learnt.prosgan.discriminator import Discriminator
from robusthash_attacks.learnt.prosgan.generator import Generator
from robusthash_attacks.learnt.prosgan.losses import deception_loss, discriminator_loss

_BETAS = (0.5, 0.999)  #: of Adam, for both
_EPOCHS, _CONSTANT = 100, 50  #: the learning rate falls after half of the epochs, as released
_EVERY_THIRD = 3  #: steps of the generator between two of the discriminator
_MOVED = 0.1  #: a generator whose other label moves less than this share of the bits that it should neglects it
_TOLD_APART = 0.02  #: a discriminator whose flags differ by less, or by all but this, teaches nothing

HashLoss = Callable[[Tensor, Tensor], Tensor]  #: of outputs (n, bits) and codes (n, bits) in {-1, +1}, to a scalar
Draw = Callable[[Tensor, Tensor], Tensor]  #: an adversarial image from the head's (n, 3, h, w) and the clean one's


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the generator minimises.

    Attributes:
        hash: of the distance from the target's code.
        reconstruction: of the mean squared error between images in [-1, 1].
        deception: of what the discriminator says; with 0 there is none.
    """

    hash: float
    reconstruction: float
    deception: float


class Duel:
    """Both networks: a :class:`~robusthash_attacks.learnt.course.Learner`.

    Args:
        context: what may be known.
        labels: (n, classes) float, the label vectors that targets are drawn from.
        condition: (n, d) float, what the generator is told of each.
        codes: (n, bits) float in {-1, +1}, the code to reach for each.
        draw: how the head's output and the clean image become the adversarial one.
        loss: of the attacked images' outputs.
        weights: of the parts of the generator's loss.
        filters: of both networks.
        blocks: of the generator.
        batch: train images per step.
        rate: learning rate of Adam, for both.
    """

    def __init__(
        self,
        context: LearningContext,
        labels: Tensor,
        condition: Tensor,
        codes: Tensor,
        *,
        draw: Draw,
        loss: HashLoss,
        weights: Weights,
        filters: int,
        blocks: int,
        batch: int,
        rate: float,
    ) -> None:
        self._surrogate, self._bank, self._team = context.surrogate, context.bank, context.team
        self._labels, self._condition, self._codes = labels, condition, codes
        self._draw, self._loss, self._weights, self._batch, self._rate = draw, loss, weights, batch, rate
        self._targets = context.random.derived("targets")
        self._learnt, self._validating = Examples.split(context)
        size = context.surrogate.modality.shape[1:]
        with seeded(context.random.derived("networks"), 0):
            self.generator = Generator((size[0], size[1]), condition.shape[1], filters=filters, blocks=blocks)
            self.discriminator = (
                Discriminator((size[0], size[1]), labels.shape[1], filters=filters) if weights.deception else None
            )
        self._networks: dict[str, nn.Module] = {"generator": self.generator.to(context.device)}
        if self.discriminator is not None:
            self._networks["discriminator"] = self.discriminator.to(context.device)
        self._optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=rate, betas=_BETAS)
            for name, network in self._networks.items()
        }

    def step(self, step: int, progress: float) -> Mapping[str, float]:  # noqa: D102 - as in the protocol
        for optimiser in self._optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = self._rate * rate_factor(progress)
        rows = self._learnt.batch(step, self._batch)
        chosen = self._drawn(len(rows), step + 1)
        batch, own = len(rows), self._team.share(len(rows))
        rows, chosen = rows[own], chosen[own]
        clean = self._learnt.inputs(rows)
        with torch.enable_grad():
            attacked = self._attacked(clean, chosen)
            losses = {}
            if self.discriminator is not None and step % _EVERY_THIRD == 0:
                losses["discriminator"] = self._teach(self.discriminator, clean, attacked.detach(), rows, chosen, batch)
            parts = self._parts(clean, attacked, chosen)
            total = torch.stack(list(parts.values())).sum()
            self._optimisers["generator"].zero_grad()
            total.backward(inputs=list(self.generator.parameters()))  # type: ignore[no-untyped-call]  # as everywhere
        self._team.average(self.generator.parameters(), batch)
        self._optimisers["generator"].step()
        return self._team.mean({**losses, **{name: float(part.detach()) for name, part in parts.items()}}, batch)

    @torch.no_grad()
    def validate(self) -> float:
        """The generator's loss, without what the discriminator says: that changes as it learns."""
        for network in self._networks.values():
            network.eval()
        totals = []
        for number, rows in enumerate(self._validating.parts(self._batch)):
            clean, chosen = self._validating.inputs(rows), self._drawn(len(rows), 0, number)
            parts = self._parts(clean, self._attacked(clean, chosen), chosen)
            totals.append(len(rows) * sum(float(part) for name, part in parts.items() if name != "deception"))
        for network in self._networks.values():
            network.train()
        return sum(totals) / len(self._validating.rows)

    @torch.no_grad()
    def shown(self) -> tuple[Tensor, Tensor]:
        """A few items that validate, clean and attacked; their targets are always the same."""
        rows = self._validating.few
        clean = self._validating.inputs(rows)
        self.generator.eval()
        attacked = self._attacked(clean, self._drawn(len(rows), 0, 0))
        self.generator.train()
        return clean, attacked

    @torch.no_grad()
    def watch(self) -> tuple[Mapping[str, float], Sequence[str]]:
        """Signs of a collapse, on one validating batch, and what follows from them.

        Returns:
            ``label``: how many bits another target moves, as a share of those in which the codes of both differ;
            ``flag clean`` and ``flag attacked``: what the discriminator says, which is 0 and 1 if it is right.
        """
        rows = self._validating.parts(self._batch)[0]
        clean, one = self._validating.inputs(rows), self._drawn(len(rows), 0, 0)
        other = (one + 1) % len(self._labels)
        signs: dict[str, float] = {}
        attacked = self._attacked(clean, one)
        differ = (self._codes[one] != self._codes[other]).float().mean()
        if differ:
            moved = self._surrogate(attacked) * self._surrogate(self._attacked(clean, other)) < 0
            signs["label"] = float(moved.float().mean() / differ)
        if self.discriminator is not None:
            self.discriminator.eval()
            signs["flag clean"] = float(self.discriminator(scaled(clean))[:, -1].mean())
            signs["flag attacked"] = float(self.discriminator(scaled(attacked))[:, -1].mean())
            self.discriminator.train()
        return signs, collapses(signs)

    def state(self) -> dict[str, Tensor]:  # noqa: D102 - as in the protocol
        parts: dict[str, Tensor] = {}
        for name, network in self._networks.items():
            moments, _ = optimizer_state(self._optimisers[name])
            parts |= prefixed(name, network.state_dict()) | prefixed(f"adam-{name}", moments)
        return parts

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102 - as in the protocol
        for name, network in self._networks.items():
            network.load_state_dict(under(name, state))
            restore_optimizer(self._optimisers[name], under(f"adam-{name}", state), {})

    def _drawn(self, count: int, *path: int) -> Tensor:
        """Positions (count,) of targets, uniform over the label vectors."""
        rows = self._targets.generator(*path).integers(len(self._labels), size=count)
        return torch.from_numpy(rows).to(self._labels.device)

    def _attacked(self, clean: Tensor, chosen: Tensor) -> Tensor:
        return self._draw(self.generator(scaled(clean), self._condition[chosen]), clean)

    def _parts(self, clean: Tensor, attacked: Tensor, chosen: Tensor) -> dict[str, Tensor]:
        """The generator's losses by name, weighted; a weight of 0 leaves its part out."""
        parts = {"hash": self._weights.hash * self._loss(self._surrogate(attacked), self._codes[chosen])}
        if self._weights.reconstruction:
            parts["reconstruction"] = self._weights.reconstruction * mse_loss(scaled(attacked), scaled(clean))
        if self.discriminator is not None:
            said = self.discriminator(scaled(attacked))
            parts["deception"] = self._weights.deception * deception_loss(said, self._labels[chosen])
        return parts

    def _teach(
        self,
        discriminator: Discriminator,
        clean: Tensor,
        attacked: Tensor,
        rows: np.ndarray,
        chosen: Tensor,
        batch: int,
    ) -> float:
        labels = self._bank.labels[torch.from_numpy(rows).to(clean.device)].float()
        loss = discriminator_loss(
            discriminator(scaled(clean)), discriminator(scaled(attacked)), labels, self._labels[chosen]
        )
        self._optimisers["discriminator"].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._team.average(discriminator.parameters(), batch)
        self._optimisers["discriminator"].step()
        return float(loss.detach())


def rate_factor(progress: float) -> float:
    """The learning rate's factor: constant for half of a hundred epochs, then falling, as released.

    Args:
        progress: share of the steps already taken.

    >>> rate_factor(0.0), rate_factor(0.499), round(rate_factor(0.5), 2), round(rate_factor(0.999), 4)
    (1.0, 1.0, 0.98, 0.0196)
    """
    epoch = int(progress * _EPOCHS)
    return 1 - max(0, epoch + 1 - _CONSTANT) / (_EPOCHS - _CONSTANT + 1)


def scaled(images: Tensor) -> Tensor:
    """Pixels in [0, 1] to [-1, 1], the scale of both networks."""
    return 2 * images - 1


def whole(head: Tensor, clean: Tensor) -> Tensor:  # noqa: ARG001 - as the other ways to draw
    """The head's output as the image, as published."""
    return (head + 1) / 2


def within(threat: Threat) -> Draw:
    """The head's output as a residual of at most the radius."""
    return lambda head, clean: threat.project(clean + threat.radius * head, clean)


def collapses(signs: Mapping[str, float]) -> list[str]:
    """What :meth:`Duel.watch` says that a user should know.

    >>> collapses({"label": 0.03, "flag clean": 0.0, "flag attacked": 1.0})
    ['the generator ignores its label', 'the discriminator has won']
    """
    found = []
    if signs.get("label", 1.0) < _MOVED:
        found.append("the generator ignores its label")
    if "flag clean" in signs:
        apart = signs["flag attacked"] - signs["flag clean"]
        if abs(apart) < _TOLD_APART:
            found.append("the discriminator tells nothing apart")
        elif abs(apart - 1) < _TOLD_APART:
            found.append("the discriminator has won")
    return found
