"""What a hash that needs no training promises: the code length that it declares, and the same hash from every build.

::

    class TestMyReadyHash(ReadyModelContract):
        @pytest.fixture
        def method(self) -> ReadyModel:
            return MyReadyHash()
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from robusthash.contracts import IMAGE, HashModel, Modality, ReadyModel, tower_of
from robusthash.testing.contracts.models.hashing import HashContract
from robusthash.testing.contracts.objects import PluginObjectContract


class ReadyModelContract(HashContract, PluginObjectContract):
    """The contract of models that need no training."""

    image_size = 24  #: height and width of the tests' images, in pixels

    @pytest.fixture
    def method(self) -> ReadyModel:
        """The plugin object under test; a subclass overrides this."""
        pytest.skip("override the fixture `method` in a subclass")

    @pytest.fixture
    def plugin_object(self, method: ReadyModel) -> object:
        """The plugin object."""
        return method

    @pytest.fixture
    def modalities(self) -> dict[str, Modality]:
        """What the model is built for; a subclass overrides this if it takes texts too."""
        return {IMAGE: Modality.image(self.image_size)}

    @pytest.fixture
    def build(self, method: ReadyModel, modalities: dict[str, Modality]) -> Callable[[], HashModel]:
        """Builds the model for the tests' images; of one with several towers, that of images."""
        return lambda: tower_of(method.build(modalities), IMAGE)

    def test_it_is_what_was_declared(self, method: ReadyModel, model: HashModel) -> None:
        """The code length that the plugin declares, for images of the requested size."""
        assert model.bits == method.bits
        assert model.modality.shape == (3, self.image_size, self.image_size)

    def test_every_build_is_the_same_hash(self, build: Callable[[], HashModel], inputs: Tensor) -> None:
        """Deterministic, because every worker builds its own."""
        assert torch.equal(build().codes(inputs), build().codes(inputs))
