"""What a model with several towers promises: each tower is a hash model, and they share one space.

::

    class TestMyTowers(TowersContract):
        @pytest.fixture
        def towers(self) -> Callable[[], CrossModalHashModel]:
            return lambda: CrossModalHashModel({"image": MyImages(bits=32), "text": MyTexts(bits=32)})
"""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load, save

from robusthash.contracts import IMAGE, TEXT, CrossModalHashModel, HashModel, evaluating, towers_of
from robusthash.testing.contracts.models.hashing import ModelContract


class TowersContract(ModelContract):
    """The contract of models with an image tower and a text tower. Each test of a network is run for either."""

    @pytest.fixture
    def towers(self) -> Callable[[], CrossModalHashModel]:
        """Builds the model under test, a new one each time; a subclass overrides this."""
        pytest.skip("override the fixture `towers` in a subclass")

    @pytest.fixture(params=[IMAGE, TEXT])
    def build(
        self, towers: Callable[[], CrossModalHashModel], request: pytest.FixtureRequest
    ) -> Callable[[], HashModel]:
        """Builds the model, and takes one tower of it."""
        modality: str = request.param
        return lambda: towers().tower(modality)

    def test_towers_share_a_space(self, towers: Callable[[], CrossModalHashModel]) -> None:
        """Codes of all are as long: what one tower hashes is searched among what the other does."""
        model = towers()
        assert isinstance(model, CrossModalHashModel)
        found = towers_of(model)
        assert {IMAGE, TEXT} <= set(found)
        for name, tower in found.items():
            assert tower.space == model.space
            assert tower.modality.name == name

    def test_a_stored_model_has_both_towers(self, towers: Callable[[], CrossModalHashModel]) -> None:
        """The state dict of the whole is complete: no tower keeps weights elsewhere."""
        first, second = towers(), towers()
        with torch.no_grad():
            for part in (*second.parameters(), *second.buffers()):
                if part.is_floating_point():
                    part.add_(1.0)
        second.load_state_dict(load(save({name: one.contiguous() for name, one in first.state_dict().items()})))
        for name, tower in towers_of(first).items():
            uniform = torch.rand(4, *tower.modality.shape, generator=torch.Generator().manual_seed(0))
            inputs = tower.modality.box.low + tower.modality.box.width * uniform
            other = second.tower(name)
            with evaluating(tower), evaluating(other), torch.no_grad():
                assert torch.equal(tower(inputs), other(inputs)), name
