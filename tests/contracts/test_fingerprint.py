"""The fingerprint of a model: whatever an attack might change, changes it."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from robusthash.contracts.attacking.fingerprint import fingerprint


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 40), nn.BatchNorm1d(40), nn.Linear(40, 30)).eval()


def exchange_weights(model: nn.Sequential) -> None:
    weight = model[2].weight
    with torch.no_grad():
        weight[0, 0], weight[29, 39] = weight[29, 39].clone(), weight[0, 0].clone()


def exchange_neighbours(model: nn.Sequential) -> None:
    weight = model[2].weight
    with torch.no_grad():
        weight[3, 4], weight[3, 5] = weight[3, 5].clone(), weight[3, 4].clone()


def nudge(model: nn.Sequential) -> None:
    with torch.no_grad():
        model[0].bias[7] = torch.nextafter(model[0].bias[7], torch.tensor(9.0))


def move_statistics(model: nn.Sequential) -> None:
    model[1].running_mean += 1


def train(model: nn.Sequential) -> None:
    model[1].train()


def freeze(model: nn.Sequential) -> None:
    model[0].weight.requires_grad_(False)


def hook(model: nn.Sequential) -> None:
    model[0].register_forward_hook(lambda _part, _inputs, output: -output)


def hook_before(model: nn.Sequential) -> None:
    model[2].register_forward_pre_hook(lambda _part, inputs: inputs)


def replace_forward(model: nn.Sequential) -> None:
    model[2].forward = lambda inputs: inputs[:, :30]


def replace_part(model: nn.Sequential) -> None:
    model[1] = nn.Identity().eval()


CHANGES = [
    exchange_weights,
    exchange_neighbours,
    nudge,
    move_statistics,
    train,
    freeze,
    hook,
    hook_before,
    replace_forward,
    replace_part,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_is_noticed(change: Callable[[nn.Sequential], None]) -> None:
    model = network()
    before = fingerprint(model)
    change(model)
    assert fingerprint(model) != before


def test_use_changes_nothing() -> None:
    model = network()
    before = fingerprint(model)
    model(torch.randn(3, 6)).sum().backward()
    assert fingerprint(model) == before


def test_weights_larger_than_a_row_are_told_apart_by_place() -> None:
    model = nn.Linear(3000, 2)
    before = fingerprint(model)
    with torch.no_grad():
        model.weight[0, 1023], model.weight[0, 1024] = model.weight[0, 1024].clone(), model.weight[0, 1023].clone()
    assert fingerprint(model) != before
