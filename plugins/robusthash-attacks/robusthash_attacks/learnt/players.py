"""Networks that are learnt together, each by an optimiser of its own."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Adam

from robusthash.contracts import Team
from robusthash.training import optimizer_state, prefixed, restore_optimizer, under

_BETAS = (0.5, 0.999)  #: of Adam
_TOLD_APART = 0.02  #: a discriminator whose flags differ by less, or by all but this, teaches nothing
_EPOCHS, _CONSTANT = 100, 50  #: the learning rate falls after half of the epochs, as released with ProS-GAN


class Players:
    """Generator and discriminator, by name, while they are learnt.

    Args:
        networks: by name; None is one that is not there.
        rate: learning rate of Adam: constant for half of the steps, then falling to nearly 0.
        team: the processes that learn together.
        device: where they are put.
    """

    def __init__(self, networks: Mapping[str, nn.Module | None], rate: float, team: Team, device: torch.device) -> None:
        self._rate, self._team = rate, team
        self._networks = {name: network.to(device) for name, network in networks.items() if network is not None}
        self._optimisers = {
            name: Adam(network.parameters(), lr=rate, betas=_BETAS) for name, network in self._networks.items()
        }

    def slow_down(self, progress: float) -> None:
        """Sets the learning rate for a share of the steps already taken."""
        for optimiser in self._optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = self._rate * rate_factor(progress)

    def update(self, name: str, loss: Tensor, batch: int) -> None:
        """One step of one network down the gradient of a scalar; the others keep their weights.

        Args:
            name: of the network.
            loss: scalar, a mean over this process's share of the batch.
            batch: number of items of the whole batch.
        """
        parameters, optimiser = list(self._networks[name].parameters()), self._optimisers[name]
        optimiser.zero_grad()
        loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._team.average(parameters, batch)
        optimiser.step()

    def train(self, *, mode: bool) -> None:
        """Puts all networks in training mode, or in evaluation mode."""
        for network in self._networks.values():
            network.train(mode)

    def state(self) -> dict[str, Tensor]:
        """Weights and moments of all networks, by name."""
        parts: dict[str, Tensor] = {}
        for name, network in self._networks.items():
            moments, _ = optimizer_state(self._optimisers[name])
            parts |= prefixed(name, network.state_dict()) | prefixed(f"adam-{name}", moments)
        return parts

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of :meth:`state`."""
        for name, network in self._networks.items():
            network.load_state_dict(under(name, state))
            restore_optimizer(self._optimisers[name], under(f"adam-{name}", state), {})


def rate_factor(progress: float) -> float:
    """The learning rate's factor: constant for half of a hundred epochs, then falling, as released with ProS-GAN.

    Args:
        progress: share of the steps already taken.

    >>> rate_factor(0.0), rate_factor(0.499), round(rate_factor(0.5), 2), round(rate_factor(0.999), 4)
    (1.0, 1.0, 0.98, 0.0196)
    """
    epoch = int(progress * _EPOCHS)
    return 1 - max(0, epoch + 1 - _CONSTANT) / (_EPOCHS - _CONSTANT + 1)


def discriminator_faults(apart: float) -> list[str]:
    """What is wrong with a discriminator, in words.

    Args:
        apart: difference of what it says of clean and of attacked images; 1 if it is right, or more, as it is linear.

    >>> discriminator_faults(0.5), discriminator_faults(0.99), discriminator_faults(1.05)
    ([], ['the discriminator has won'], ['the discriminator has won'])
    """
    if abs(apart) < _TOLD_APART:
        return ["the discriminator tells nothing apart"]
    return ["the discriminator has won"] if apart > 1 - _TOLD_APART else []
