"""How THA (Wang et al., SIGIR 2021) trains its prototype network: on the label vectors of the code bank."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import CodeBank, Randomness
from robusthash.errors import CapabilityError
from robusthash.training import PrototypeNetwork, prototype_loss, share_label


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a prototype network is trained.

    Attributes:
        width: of the first hidden layer; None is 64 per distinct label vector, up to the published 4096.
        steps: of Adam; None is 100 per distinct label vector, up to the published 30,000.
        batch: label vectors per step.
        rate: learning rate.
    """

    width: int | None = None
    steps: int | None = None
    batch: int = 32
    rate: float = 1e-4


def train_prototypes(
    bank: CodeBank, training: Training, random: Randomness, progress: Callable[[int, int, str], None]
) -> dict[str, Tensor]:
    """Learns prototypes that are near the codes that share a label with them, and far from the others.

    Args:
        bank: codes and labels of the train split.
        training: how.
        random: of the initial weights and the batches.
        progress: called with (done, total, what).

    Returns:
        The network's weights and biases by name, on the bank's device.

    Raises:
        CapabilityError: no item of the bank has a label.
    """
    codes, labels = bank.codes.float(), bank.labels.float()
    distinct = torch.unique(labels, dim=0)
    distinct = distinct[distinct.any(1)]
    if not len(distinct):
        raise CapabilityError("no item of the train split has a label", hint="use an untargeted attack")
    steps = training.steps or min(100 * len(distinct), 30_000)
    width = training.width or min(64 * len(distinct), 4096)
    network = PrototypeNetwork(labels.shape[1], width, codes.shape[1], random=random).to(labels.device)
    optimiser = torch.optim.Adam(network.parameters(), lr=training.rate, betas=(0.5, 0.999))
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [steps // 2, 3 * steps // 4], gamma=0.1)
    draw = random.generator(1)
    with torch.enable_grad():
        for step in range(steps):
            rows = draw.choice(len(distinct), size=min(training.batch, len(distinct)), replace=False)
            wanted = distinct[torch.from_numpy(rows).to(labels.device)]
            loss = prototype_loss(network(wanted), codes, share_label(wanted, labels) > 0)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
            schedule.step()
            progress(step + 1, steps, "prototype network")
    return {name: tensor.detach() for name, tensor in network.state_dict().items()}
