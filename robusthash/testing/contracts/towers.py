"""The contract of defenses that train models with several towers.

::

    class TestMine(TowersDefenseContract):
        @pytest.fixture
        def defense(self) -> TrainedDefense:
            return Mine(epochs=1)

It gets forty toy items, each an image and a text; give it few epochs.
"""

import pytest
import torch

from robusthash.contracts import (
    IMAGE,
    TEXT,
    CrossModalHashModel,
    DefenseContext,
    RetrievalData,
    TrainedDefense,
    TrainingReport,
    towers_of,
)
from robusthash.contracts.attacking.fingerprint import fingerprint
from robusthash.testing.crossmodal import WORDS, toy_pairs
from robusthash.testing.victims import CLASSES, SmallVictim, TextVictim
from robusthash.training import defense_context

_Found = tuple[CrossModalHashModel, TrainingReport]


class TowersDefenseContract:
    """The contract of defenses of several towers. Override the fixture ``defense``."""

    @pytest.fixture
    def defense(self) -> TrainedDefense:
        """The defense under test; a subclass overrides this."""
        pytest.skip("override the fixture `defense` in a subclass")

    @pytest.fixture
    def model(self) -> CrossModalHashModel:
        """An untrained image network with batch normalisation beside a text network, in evaluation mode."""
        towers = {IMAGE: SmallVictim(), TEXT: TextVictim(width=WORDS * CLASSES)}
        return CrossModalHashModel(towers).eval()

    @pytest.fixture
    def context(self) -> DefenseContext:
        """Toy items in three splits, and a way to train."""
        query, database, train = (
            toy_pairs(name, 40, seed=seed, tags=True) for seed, name in enumerate(("query", "database", "train"))
        )
        classes = tuple(map(str, range(CLASSES)))
        data = RetrievalData(
            name="toy-pairs", classes=classes, query=query, database=database, train=train, epsilon=0.1
        )
        return defense_context(data, seed=0)

    @pytest.fixture
    def found(self, defense: TrainedDefense, model: CrossModalHashModel, context: DefenseContext) -> _Found:
        """The hardened model and the report of its training."""
        return defense.train_towers(model, context)

    def test_the_model_given_stays_as_it_is(
        self, defense: TrainedDefense, model: CrossModalHashModel, context: DefenseContext
    ) -> None:
        """Its weights, buffers, flags, parts and hooks."""
        before = fingerprint(model)
        hardened, _ = defense.train_towers(model, context)
        assert hardened is not model, "return another model"
        assert fingerprint(model) == before, "the model given has been changed"

    def test_the_hardened_model_has_the_same_towers(self, found: _Found, model: CrossModalHashModel) -> None:
        """The same space, modalities and tensors: a checkpoint describes both, and attacks work on both."""
        hardened, report = found
        assert report.losses, "a training has a loss per epoch"
        assert hardened.space == model.space
        assert {name: one.modality for name, one in towers_of(hardened).items()} == {
            name: one.modality for name, one in towers_of(model).items()
        }
        assert hardened.state_dict().keys() == model.state_dict().keys(), "the same network, with other weights"

    def test_both_towers_learn(self, found: _Found, model: CrossModalHashModel) -> None:
        """Some weight of each tower is another one."""
        for name, tower in towers_of(found[0]).items():
            old = dict(model.tower(name).named_parameters())
            moved = [key for key, value in tower.named_parameters() if not torch.equal(value, old[key])]
            assert moved, f"the tower of {name}s is the same as before"

    def test_hardening_repeats(
        self, defense: TrainedDefense, model: CrossModalHashModel, context: DefenseContext
    ) -> None:
        """Equal seeds give equal models, whatever state the global generator is in, which is unchanged."""
        states = []
        for outside in (1, 2):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(outside)
                before = torch.get_rng_state()
                states.append(defense.train_towers(model, context)[0].state_dict())
                assert torch.equal(torch.get_rng_state(), before), "seed draws with robusthash.contracts.seeded"
        assert all(torch.equal(value, states[1][key]) for key, value in states[0].items()), "two different models"
