"""What a backbone promises: features of the width that it declares, in a network that keeps the contract of models.

::

    class TestMine(BackboneContract):
        @pytest.fixture
        def backbone(self) -> Backbone:
            return Mine(width=64)
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from robusthash.contracts import Backbone, HashModel
from robusthash.errors import CheckpointError
from robusthash.testing.contracts.models.hashing import ModelContract
from robusthash.testing.contracts.objects import PluginObjectContract
from robusthash.training import build_network, weights_digest


class BackboneContract(ModelContract, PluginObjectContract):
    """The contract of backbones, and of a hash network on one. Override the fixtures ``backbone`` and ``spec``.

    Attributes:
        image_size: height and width of the tests' images, in pixels; smaller than those that it is designed for.
    """

    image_size = 32

    @pytest.fixture
    def backbone(self) -> Backbone:
        """The backbone under test; a subclass overrides this."""
        pytest.skip("override the fixture `backbone` in a subclass")

    @pytest.fixture
    def plugin_object(self, backbone: Backbone) -> object:
        """The backbone."""
        return backbone

    @pytest.fixture
    def build(self, backbone: Backbone) -> Callable[[], HashModel]:
        """Builds a hash network on the backbone, with random weights."""
        return lambda: build_network(backbone, bits=16, image_size=self.image_size, weights="none", seed=0)

    def test_features_have_the_width_that_it_says(self, backbone: Backbone) -> None:
        """(n, d) finite features of normalised images, for one image and for several."""
        features, width = backbone.build("none")
        images = torch.randn(3, 3, self.image_size, self.image_size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            for batch in (images, images[:1]):
                found = features.eval()(batch)
                assert found.shape == (len(batch), width)
                assert found.isfinite().all()

    def test_normalisation_is_of_three_channels(self, backbone: Backbone) -> None:
        """Means in [0, 1] and positive deviations, in pixel space and not in levels."""
        assert len(backbone.mean) == len(backbone.std) == 3
        assert all(0 <= mean <= 1 for mean in backbone.mean), "means in pixel space, [0, 1]"
        assert all(0 < deviation <= 1 for deviation in backbone.std), "deviations in pixel space, [0, 1]"

    def test_weights_are_drawn_from_the_seed(self, backbone: Backbone) -> None:
        """Random weights come from torch's global generator, which the host seeds: equal seeds give equal networks."""
        networks = [
            build_network(backbone, bits=8, image_size=self.image_size, weights="none", seed=seed) for seed in (0, 0, 1)
        ]
        one, same, other = (weights_digest(network.features) for network in networks)
        assert one == same
        if any(True for _ in networks[0].features.parameters()):
            assert one != other

    def test_weights_that_are_not_there_are_an_error(self, backbone: Backbone, tmp_path: Path) -> None:
        """A file that does not exist is a CheckpointError, never random weights instead."""
        with pytest.raises(CheckpointError):
            backbone.build(str(tmp_path / "none.safetensors"))
