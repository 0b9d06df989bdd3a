"""Generator against discriminator, while they are learnt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from robusthash.contracts import LearningContext, seeded
from robusthash_attacks.learnt.drawing import scaled
from robusthash_attacks.learnt.examples import Examples
from robusthash_attacks.learnt.networks import NETWORKS, Network
from robusthash_attacks.learnt.players import Players, discriminator_faults
from robusthash_attacks.learnt.prosgan.discriminator import Discriminator
from robusthash_attacks.learnt.prosgan.drawer import Drawer
from robusthash_attacks.learnt.prosgan.losses import deception_loss, discriminator_loss

_EVERY_THIRD = 3  #: steps of the generator between two of the discriminator
_MOVED = 0.1  #: a generator whose other label moves less than this share of the bits that it should neglects it


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
        drawer: how adversarial images are drawn, and the loss of their outputs.
        weights: of the parts of the generator's loss.
        network: the generator's layers.
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
        drawer: Drawer,
        weights: Weights,
        network: Network,
        filters: int,
        blocks: int,
        batch: int,
        rate: float,
    ) -> None:
        self._surrogate, self._bank, self._team = context.surrogate, context.bank, context.team
        self._labels, self._condition, self._codes = labels, condition, codes
        self._drawer, self._weights, self._batch = drawer, weights, batch
        self._targets = context.random.derived("targets")
        self._learnt, self._validating = Examples.split(context)
        size = context.surrogate.modality.shape[1:]
        with seeded(context.random.derived("networks"), 0):
            self.generator = NETWORKS[network](
                (size[0], size[1]),
                condition.shape[1],
                filters=filters,
                blocks=blocks,
                guided=drawer.guide != "none",
            )
            self.discriminator = (
                Discriminator((size[0], size[1]), labels.shape[1], filters=filters) if weights.deception else None
            )
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        self._players = Players(networks, rate, context.team, context.device)

    def step(self, step: int, progress: float) -> Mapping[str, float]:  # noqa: D102 - as in the protocol
        self._players.slow_down(progress)
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
            if self.discriminator is not None:
                said = self.discriminator(scaled(attacked))
                parts["deception"] = self._weights.deception * deception_loss(said, self._labels[chosen])
            self._players.update("generator", torch.stack(list(parts.values())).sum(), batch)
        return self._team.mean({**losses, **{name: float(part.detach()) for name, part in parts.items()}}, batch)

    @torch.no_grad()
    def validate(self) -> float:
        """The generator's loss, without what the discriminator says: that changes as it learns."""
        self._players.train(mode=False)
        totals = []
        for number, rows in enumerate(self._validating.parts(self._batch)):
            clean, chosen = self._validating.inputs(rows), self._drawn(len(rows), 0, number)
            parts = self._parts(clean, self._attacked(clean, chosen), chosen)
            totals.append(len(rows) * sum(map(float, parts.values())))
        self._players.train(mode=True)
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
        return self._players.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102 - as in the protocol
        self._players.restore(state)

    def _drawn(self, count: int, *path: int) -> Tensor:
        """Positions (count,) of targets, uniform over the label vectors."""
        rows = self._targets.generator(*path).integers(len(self._labels), size=count)
        return torch.from_numpy(rows).to(self._labels.device)

    def _attacked(self, clean: Tensor, chosen: Tensor) -> Tensor:
        return self._drawer(self.generator, clean, self._condition[chosen], self._codes[chosen])

    def _parts(self, clean: Tensor, attacked: Tensor, chosen: Tensor) -> dict[str, Tensor]:
        """The generator's losses by name, weighted, but for the discriminator's; a weight of 0 leaves its part out."""
        parts = {"hash": self._weights.hash * self._drawer.loss(self._surrogate(attacked), self._codes[chosen])}
        if self._weights.reconstruction:
            parts["reconstruction"] = self._weights.reconstruction * mse_loss(scaled(attacked), scaled(clean))
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
        self._players.update("discriminator", loss, batch)
        return float(loss.detach())


def collapses(signs: Mapping[str, float]) -> list[str]:
    """What :meth:`Duel.watch` says that a user should know.

    >>> collapses({"label": 0.03, "flag clean": 0.0, "flag attacked": 1.0})
    ['the generator ignores its label', 'the discriminator has won']
    """
    found = []
    if signs.get("label", 1.0) < _MOVED:
        found.append("the generator ignores its label")
    if "flag clean" in signs:
        found += discriminator_faults(signs["flag attacked"] - signs["flag clean"])
    return found
