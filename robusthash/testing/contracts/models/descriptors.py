"""What a descriptor promises: finite, differentiable descriptors, each of its own features alone.

::

    class TestMine(DescriptorContract):
        @pytest.fixture
        def descriptor(self) -> Descriptor:
            return Mine()
"""

import pytest
import torch
from torch import Tensor

from robusthash.contracts import Descriptor, Distance, Space
from robusthash.testing.contracts.objects import PluginObjectContract


class DescriptorContract(PluginObjectContract):
    """The contract of descriptors. Override the fixtures ``descriptor`` and ``spec``."""

    width = 24  #: of the features of the tests

    @pytest.fixture
    def descriptor(self) -> Descriptor:
        """The descriptor under test; a subclass overrides this."""
        pytest.skip("override the fixture `descriptor` in a subclass")

    @pytest.fixture
    def plugin_object(self, descriptor: Descriptor) -> object:
        """The descriptor."""
        return descriptor

    @pytest.fixture
    def features(self) -> Tensor:
        """Nine items' features, some of them zero as after a ReLU: (9, width) float32."""
        return torch.randn(9, self.width, generator=torch.Generator().manual_seed(0)).clamp(min=-0.2)

    def test_distance_is_one_of_descriptors(self, descriptor: Descriptor) -> None:
        """Cosine or L2; codes are made by other models."""
        assert descriptor.distance in {Distance.COSINE, Distance.L2}

    def test_gives_finite_descriptors(self, descriptor: Descriptor, features: Tensor) -> None:
        """(n, d) float32 for any number of items, also of features that are all zero."""
        whole = descriptor.describe(features)
        space = Space(distance=descriptor.distance, size=whole.shape[1])
        for batch in (features, features[:1], torch.zeros_like(features)):
            found = descriptor.describe(batch)
            assert len(found) == len(batch)
            assert space.problem(found.detach()) is None

    def test_an_item_is_described_alone(self, descriptor: Descriptor, features: Tensor) -> None:
        """An item has the descriptor that it has among others, every time; features are unchanged."""
        kept = features.clone()
        together = descriptor.describe(features)
        alone = torch.cat([descriptor.describe(row[None]) for row in features])
        torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)
        assert torch.equal(descriptor.describe(features), together)
        assert torch.equal(features, kept)

    def test_gradient_reaches_the_features(self, descriptor: Descriptor, features: Tensor) -> None:
        """Finite and non-zero for each item, so that attacks can follow it; none crosses from item to item."""
        features = features.requires_grad_()
        weights = torch.randn(descriptor.describe(features).shape[1], generator=torch.Generator().manual_seed(1))
        (gradient,) = torch.autograd.grad((descriptor.describe(features)[:2] * weights).sum(), features)
        assert gradient.isfinite().all()
        assert gradient[:2].any(1).all()
        assert not gradient[2:].any()

    def test_different_items_have_different_descriptors(self, descriptor: Descriptor, features: Tensor) -> None:
        """A constant descriptor retrieves nothing."""
        found = descriptor.describe(features)
        assert (found[1:] != found[:1]).any(1).all()
