"""The moving average of weights: its values by hand, and when the model has it."""

import pytest
import torch
from torch import nn

from robusthash.errors import OptionError
from robusthash.training import Recipe
from robusthash.training.trainer.average import Average


class Two(nn.Module):
    """A weight that is set by hand, beside batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.norm = nn.BatchNorm1d(1)


def put(model: Two, value: float) -> None:
    with torch.no_grad():
        model.weight.fill_(value)


def test_it_is_the_average_by_hand_and_its_decay_warms_up() -> None:
    model = Two()
    average = Average(model, 0.25)
    put(model, 1.0)
    average.update(1)  # the decay is 2/11: 2/11 * 0 + 9/11 * 1
    assert average.state()["weight"].item() == pytest.approx(9 / 11)
    put(model, 2.0)
    average.update(2)  # it would be 3/12, and is the option's 1/4
    average.update(90)  # it would be 91/100, and is 1/4
    expected = 0.25 * (0.25 * 9 / 11 + 0.75 * 2) + 0.75 * 2
    assert average.state()["weight"].item() == pytest.approx(expected)
    assert model.weight.item() == 2.0


def test_the_model_has_it_meanwhile_and_then_for_good() -> None:
    model = Two()
    average = Average(model, 0.5)
    put(model, 11.0)
    with torch.no_grad():
        model.norm(torch.tensor([[0.0], [20.0]]))  # running mean 1, and one batch
    average.update(1)
    with average.applied():
        assert model.weight.item() == pytest.approx(9.0)
        assert model.norm.running_mean is not None
        assert model.norm.running_mean.item() == pytest.approx(9 / 11)
        assert int(model.norm.num_batches_tracked or 0) == 1
    assert model.weight.item() == 11.0
    average.deliver()
    assert model.weight.item() == pytest.approx(9.0)


def test_without_decay_nothing_is_kept() -> None:
    model = Two()
    average = Average(model, 0.0)
    put(model, 1.0)
    average.update(1)
    assert average.state() == {}
    with average.applied():
        assert model.weight.item() == 1.0
    average.deliver()
    assert model.weight.item() == 1.0


@pytest.mark.parametrize("average", [-0.1, 1.0, float("nan")])
def test_a_decay_outside_its_range_is_refused(average: float) -> None:
    with pytest.raises(OptionError, match=r"recipe\.average"):
        Recipe(average=average)
