"""A generator of perturbations, and a discriminator if there is one, while they are learnt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from robusthash.contracts import LearningContext, seeded
from robusthash_attacks.learnt.drawing import Draw, scaled
from robusthash_attacks.learnt.examples import Examples
from robusthash_attacks.learnt.networks import NETWORKS, Network
from robusthash_attacks.learnt.players import Players, discriminator_faults
from robusthash_attacks.learnt.uaagan.discriminator import PatchDiscriminator
from robusthash_attacks.learnt.uaagan.losses import (
    Loss,
    corners,
    deception_loss,
    discriminator_loss,
    nearest_other,
    positions,
    reconstruction_loss,
)
from robusthash_attacks.learnt.uaagan.sight import Sight

_SAME = 0.75  #: mean cosine between residuals of different images at which they are told to be nearly the same


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the generator minimises.

    Attributes:
        metric: of the loss of positions.
        reconstruction: of the distance between images.
        deception: of what the discriminator says; with 0 there is none.
    """

    metric: float
    reconstruction: float
    deception: float


class Contest:
    """Both networks: a :class:`~robusthash_attacks.learnt.course.Learner`. It reads no label.

    Args:
        context: what may be known.
        sight: what the generator is shown.
        draw: how the head's output and the clean image become the adversarial one.
        loss: of the attacked images' positions.
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
        *,
        sight: Sight,
        draw: Draw,
        loss: Loss,
        weights: Weights,
        network: Network,
        filters: int,
        blocks: int,
        batch: int,
        rate: float,
    ) -> None:
        self._surrogate, self._codes, self._team = context.surrogate, context.bank.codes, context.team
        self._sight, self._draw, self._loss, self._weights, self._batch = sight, draw, loss, weights, batch
        self._learnt, self._validating = Examples.split(context)
        height, width = context.surrogate.modality.shape[1:]
        with seeded(context.random.derived("networks"), 0):
            self.generator = NETWORKS[network](
                (height, width),
                sight.length(),
                filters=filters,
                blocks=blocks,
                guided=sight.condition == "gradient",
            )
            self.discriminator = PatchDiscriminator((height, width), filters=filters) if weights.deception else None
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        self._players = Players(networks, rate, context.team, context.device)

    def step(self, step: int, progress: float) -> Mapping[str, float]:  # noqa: D102 - as in the protocol
        self._players.slow_down(progress)
        rows = self._learnt.batch(step, self._batch)
        batch, share = len(rows), self._team.share(len(rows))
        apart, rows = self._apart(rows)[share], rows[share]
        clean, own = self._learnt.inputs(rows), self._own(rows)
        with torch.enable_grad():
            attacked = self._attacked(clean, own, rows)
            losses = {}
            if self.discriminator is not None:
                taught = discriminator_loss(
                    self.discriminator(scaled(clean)), self.discriminator(scaled(attacked.detach()))
                )
                self._players.update("discriminator", taught, batch)
                losses["discriminator"] = float(taught.detach())
            parts = self._parts(clean, attacked, own, apart)
            if self.discriminator is not None:
                said = self.discriminator(scaled(attacked))
                parts["deception"] = self._weights.deception * deception_loss(said)
            self._players.update("generator", torch.stack(list(parts.values())).sum(), batch)
        return self._team.mean({**losses, **{name: float(part.detach()) for name, part in parts.items()}}, batch)

    @torch.no_grad()
    def validate(self) -> float:
        """The generator's loss, without what the discriminator says: that changes as it learns."""
        total = 0.0
        for rows in self._validating.parts(self._batch):
            clean, own = self._validating.inputs(rows), self._own(rows)
            found = self._parts(clean, self._attacked(clean, own, rows), own, self._apart(rows))
            total += len(rows) * sum(map(float, found.values()))
        return total / len(self._validating.rows)

    @torch.no_grad()
    def shown(self) -> tuple[Tensor, Tensor]:
        """A few items that validate, clean and attacked."""
        rows = self._validating.few
        clean = self._validating.inputs(rows)
        return clean, self._attacked(clean, self._own(rows), rows)

    @torch.no_grad()
    def watch(self) -> tuple[Mapping[str, float], Sequence[str]]:
        """Signs of a collapse, on one validating batch, and what follows from them.

        Returns:
            ``cosine``: mean cosine between the residuals of different images;
            ``flag clean`` and ``flag attacked``: what the discriminator says, which is 1 and 0 if it is right.
        """
        rows = self._validating.parts(self._batch)[0]
        clean = self._validating.inputs(rows)
        attacked = self._attacked(clean, self._own(rows), rows)
        signs = {"cosine": mean_cosine(attacked - clean)}
        if self.discriminator is not None:
            signs["flag clean"] = float(self.discriminator(scaled(clean)).mean())
            signs["flag attacked"] = float(self.discriminator(scaled(attacked)).mean())
        return signs, collapses(signs)

    def state(self) -> dict[str, Tensor]:  # noqa: D102 - as in the protocol
        return self._players.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102 - as in the protocol
        self._players.restore(state)

    def _own(self, rows: np.ndarray) -> Tensor:
        """Codes or descriptors (n, size) float of some train images."""
        return self._codes[torch.from_numpy(rows).to(self._codes.device)].float()

    def _apart(self, rows: np.ndarray) -> Tensor:
        """How far from each image of a batch the nearest other one is: (n,)."""
        return nearest_other(corners(self._own(rows), self._surrogate.space))

    def _attacked(self, clean: Tensor, own: Tensor, rows: np.ndarray) -> Tensor:
        return self._draw(self.generator(*self._sight.of(torch.from_numpy(rows), clean, own)), clean)

    def _parts(self, clean: Tensor, attacked: Tensor, own: Tensor, apart: Tensor) -> dict[str, Tensor]:
        """The generator's losses by name, weighted, but for the discriminator's; a weight of 0 leaves its part out."""
        space = self._surrogate.space
        moved = self._loss(positions(self._surrogate(attacked), space), corners(own, space), apart)
        parts = {"metric": self._weights.metric * moved}
        if self._weights.reconstruction:
            parts["reconstruction"] = self._weights.reconstruction * reconstruction_loss(attacked, clean)
        return parts


def mean_cosine(residuals: Tensor) -> float:
    """Mean cosine between the residuals (n, ...) of different images; 0 for a single one.

    >>> mean_cosine(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    0.3333333432674408
    """
    unit = normalize(residuals.flatten(1))
    alike = unit @ unit.T
    pairs = len(unit) * (len(unit) - 1)
    return float((alike.sum() - alike.trace()) / max(pairs, 1))


def collapses(signs: Mapping[str, float]) -> list[str]:
    """What :meth:`Contest.watch` says that a user should know.

    >>> collapses({"cosine": 0.97, "flag clean": 0.9, "flag attacked": 0.1})
    ['the generator draws nearly one perturbation for all images']
    """
    found = []
    if signs["cosine"] > _SAME:
        found.append("the generator draws nearly one perturbation for all images")
    if "flag clean" in signs:
        found += discriminator_faults(signs["flag clean"] - signs["flag attacked"])
    return found
