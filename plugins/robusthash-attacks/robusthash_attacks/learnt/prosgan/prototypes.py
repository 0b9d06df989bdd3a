"""PrototypeNet of ProS-GAN: label vectors to a condition for the generator and the code to reach."""

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from robusthash.contracts import CodeBank, Randomness, seeded
from robusthash.hashing import sign
from robusthash.training import optimizer_state, prototype_loss, restore_optimizer, share_label
from robusthash_attacks.learnt.prosgan.losses import likelihood_loss

_FEATURES = 512  #: length of the semantic representation
_BATCH = 64  #: label vectors per step
_RATE = 1e-4  #: learning rate of Adam
_BETAS = (0.5, 0.999)  #: of Adam
_DROPS = (0.5, 0.75)  #: shares of the steps at which the learning rate falls to a tenth

#: Of (n, bits) prototypes, (items, bits) codes, and (n, items) whether they share a label, to a scalar.
PrototypeLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
LOSSES: dict[str, PrototypeLoss] = {"likelihood": likelihood_loss, "circle": prototype_loss}


class PrototypeNet(nn.Module):
    """Two linear layers to a semantic representation, and a head each for the code and for the labels.

    Args:
        classes: length of a label vector C.
        width: of the first layer; published 4,096.
        bits: code length K.
    """

    def __init__(self, classes: int, width: int, bits: int) -> None:
        super().__init__()
        self.first = nn.Linear(classes, width)
        self.second = nn.Linear(width, _FEATURES)
        self.hash = nn.Linear(_FEATURES, bits)
        self.classifier = nn.Linear(_FEATURES, classes)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Self:
        """A trained network with frozen parameters, on the state's device.

        Args:
            state: a ``state_dict()`` of this class.
        """
        width, classes = state["first.weight"].shape
        with torch.device("meta"):
            network = cls(classes, width, len(state["hash.bias"]))
        network.load_state_dict(state, assign=True)
        return network.requires_grad_(requires_grad=False)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of label vectors (n, classes) in {0, 1}.

        Returns:
            The representation (n, 512), linear; the prototype (n, bits) in (-1, 1); and the labels (n, classes) in
            (0, 1) as recognised.
        """
        features: Tensor = self.second(self.first(labels.float()).relu())
        return features, torch.tanh(self.hash(features)), torch.sigmoid(self.classifier(features))


class PrototypeSearch:
    """A PrototypeNet while it is learnt: a :class:`~robusthash_attacks.learnt.course.Learner`.

    It validates on all label vectors that it learns from: nothing else is known of a label vector.

    Args:
        bank: codes and labels of the train split.
        labels: (n, classes), the distinct label vectors.
        loss: of prototypes.
        width: of the first layer.
        random: of the initial weights and the batches.
    """

    def __init__(
        self,
        bank: CodeBank,
        labels: Tensor,
        *,
        loss: PrototypeLoss,
        width: int,
        random: Randomness,
    ) -> None:
        self._codes, self._bank_labels, self._labels = bank.codes.float(), bank.labels.float(), labels.float()
        self._loss, self._random = loss, random
        with seeded(random, 0):
            network = PrototypeNet(labels.shape[1], width, bank.codes.shape[1])
        self.network = network.to(labels.device)
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=_RATE, betas=_BETAS)

    def step(self, step: int, progress: float) -> Mapping[str, float]:  # noqa: D102 - as in the protocol
        for group in self._optimiser.param_groups:
            group["lr"] = _RATE * 0.1 ** sum(progress >= drop for drop in _DROPS)
        rows = self._random.generator(1, step).integers(len(self._labels), size=_BATCH)
        with torch.enable_grad():
            loss = self._losses(self._labels[torch.from_numpy(rows).to(self._labels.device)])
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._optimiser.step()
        return {"prototype loss": float(loss.detach())}

    @torch.no_grad()
    def validate(self) -> float:  # noqa: D102 - as in the protocol
        return float(self._losses(self._labels))

    def state(self) -> dict[str, Tensor]:  # noqa: D102 - as in the protocol
        moments, _ = optimizer_state(self._optimiser)
        return {**self.network.state_dict(), **{f"adam.{name}": tensor for name, tensor in moments.items()}}

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102 - as in the protocol
        own = self.network.state_dict()
        self.network.load_state_dict({name: state[name] for name in own})
        moments = {name.removeprefix("adam."): part for name, part in state.items() if name.startswith("adam.")}
        restore_optimizer(self._optimiser, moments, {})

    def watch(self) -> tuple[Mapping[str, float], Sequence[str]]:  # noqa: D102 - as in the protocol
        return {}, ()

    def _losses(self, labels: Tensor) -> Tensor:
        _, found, recognised = self.network(labels)
        related = share_label(labels, self._bank_labels) > 0
        return self._loss(found, self._codes, related) + mse_loss(recognised, labels)


def conditions(network: PrototypeNet, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The condition (n, 512) and the code (n, bits) in {-1, +1} of label vectors (n, classes)."""
    features, found, _ = network(labels)
    return features.detach(), sign(found.detach()).float()
