"""What a closed form promises: a hash layer for any code length, whose bits say something about the items.

::

    class TestMyProjection(ClosedFormContract):
        @pytest.fixture
        def method(self) -> ClosedForm:
            return MyProjection()
"""

import pytest
import torch
from torch import Tensor

from robusthash.contracts import ClosedForm, HashLayer, Randomness, TrainFeatures
from robusthash.hashing import binarise
from robusthash.testing.contracts.objects import PluginObjectContract

_RANDOM = Randomness(seed=0, purpose="contract")


class ClosedFormContract(PluginObjectContract):
    """The contract of closed-form projections."""

    bits = 16  #: code length of the tests

    @pytest.fixture
    def method(self) -> ClosedForm:
        """The plugin object under test; a subclass overrides this."""
        pytest.skip("override the fixture `method` in a subclass")

    @pytest.fixture
    def plugin_object(self, method: ClosedForm) -> object:
        """The plugin object."""
        return method

    @pytest.fixture
    def train(self) -> TrainFeatures:
        """Features of 200 items of four classes, far from the origin like those after a ReLU: (200, 32)."""
        generator = torch.Generator().manual_seed(0)
        kinds = torch.arange(200) % 4
        centres = torch.randn(4, 32, generator=generator, dtype=torch.float64)
        noise = torch.randn(200, 32, generator=generator, dtype=torch.float64)
        return TrainFeatures(values=20 + centres[kinds] + 0.5 * noise, labels=torch.eye(4, dtype=torch.uint8)[kinds])

    def test_gives_a_hash_layer(self, method: ClosedForm, train: TrainFeatures) -> None:
        """A finite weight and bias for any code length; the features are unchanged."""
        before = train.values.clone()
        for bits in (1, self.bits):
            found = method.project(train, bits, _RANDOM)
            assert found.weight.shape == (bits, train.values.shape[1])
            assert found.bias.shape == (bits,)
            assert found.weight.isfinite().all()
            assert found.bias.isfinite().all()
        assert torch.equal(train.values, before)

    def test_repeats(self, method: ClosedForm, train: TrainFeatures) -> None:
        """Equal randomness gives equal layers."""
        one, other = (method.project(train, self.bits, _RANDOM) for _ in range(2))
        assert torch.equal(one.weight, other.weight)
        assert torch.equal(one.bias, other.bias)

    def test_every_bit_says_something(self, method: ClosedForm, train: TrainFeatures) -> None:
        """No bit is constant, wherever the features lie."""
        codes = _codes(method.project(train, self.bits, _RANDOM), train)
        assert (codes != codes[0]).any(0).all()

    def test_near_features_get_near_codes(self, method: ClosedForm, train: TrainFeatures) -> None:
        """Items of the same cluster have closer codes than others."""
        codes = _codes(method.project(train, self.bits, _RANDOM), train)
        distance = (codes[:, None] != codes[None]).sum(2).float()
        same = (train.labels.float() @ train.labels.float().T) > 0
        assert distance[same].mean() < 0.8 * distance[~same].mean()


def _codes(projection: HashLayer, train: TrainFeatures) -> Tensor:
    return binarise(train.values @ projection.weight.double().T + projection.bias.double())
