"""The contract of defenses: the model that they are given stays as it is, and the hardened one is a hash model.

::

    class TestMine(DefenseContract):
        @pytest.fixture
        def defense(self) -> Defense:
            return Mine(strength=0.5)

A defense that trains gets eighty toy images; give it few epochs. One that draws random numbers declares their kind in
:attr:`~robusthash.contracts.Defense.draws`.
"""

import pytest
import torch
from torch import Tensor

from robusthash.contracts import (
    ArrayImages,
    Defense,
    DefenseContext,
    Draws,
    HashModel,
    RetrievalData,
    Split,
    TrainedDefense,
    TrainedWrapper,
    evaluating,
)
from robusthash.contracts.attacking.fingerprint import fingerprint
from robusthash.pixels import to_levels
from robusthash.specs import DefenseSpec
from robusthash.testing.contracts.objects import PluginObjectContract
from robusthash.testing.victims import CLASSES, SmallVictim, toy_images
from robusthash.training import defense_context

_ROUNDING = 1e-4  #: another batch shape changes the low-order bits of the kernels


class DefenseContract(PluginObjectContract):
    """The contract of defenses. Override the fixtures ``defense`` and ``spec``.

    Attributes:
        masks_gradients: whether the hardened model hides its gradient on purpose, to show what that does.
    """

    masks_gradients = False

    @pytest.fixture
    def defense(self) -> Defense:
        """The defense under test; a subclass overrides this."""
        pytest.skip("override the fixture `defense` in a subclass")

    @pytest.fixture
    def spec(self) -> DefenseSpec | None:
        """The spec of the defense; a subclass overrides this."""
        return None

    @pytest.fixture
    def plugin_object(self, defense: Defense) -> object:
        """The defense."""
        return defense

    @pytest.fixture
    def model(self) -> HashModel:
        """The model to harden, in evaluation mode: an untrained network of toy images."""
        return SmallVictim().eval()

    @pytest.fixture
    def context(self) -> DefenseContext:
        """Toy images in three splits, and a way to train."""
        return toy_defense_context()

    @pytest.fixture
    def hardened(self, defense: Defense, model: HashModel, context: DefenseContext) -> HashModel:
        """The hardened model, in evaluation mode."""
        return defense.harden(model, context).eval()

    @pytest.fixture
    def inputs(self) -> Tensor:
        """Five toy images."""
        return toy_images(5, seed=2)[0]

    def test_the_model_given_stays_as_it_is(
        self, defense: Defense, model: HashModel, context: DefenseContext, inputs: Tensor
    ) -> None:
        """Its weights, buffers, flags, parts and hooks, while it is hardened and while the hardened one is used."""
        before, logits = fingerprint(model), model(inputs).detach()
        hardened = defense.harden(model, context)
        assert hardened is not model, "return another model"
        hardened.represent(inputs)
        after = fingerprint(model)
        assert after.tensors == before.tensors, "weights and buffers of the model given"
        assert after == before, "flags, parts or hooks of the model given"
        assert torch.equal(model(inputs).detach(), logits)

    def test_the_hardened_model_is_of_the_same_kind(self, hardened: HashModel, model: HashModel) -> None:
        """The same space and modality: records compare the two, and attacks work on both."""
        assert isinstance(hardened, HashModel)
        assert hardened.space == model.space
        assert hardened.modality == model.modality

    def test_gives_logits(self, hardened: HashModel, inputs: Tensor) -> None:
        """One finite float per bit, for any batch size, also in the corners of the box; inputs are unchanged."""
        box = hardened.modality.box
        for batch in (inputs, inputs[:1], torch.full_like(inputs, box.low), torch.full_like(inputs, box.high)):
            kept = batch.clone()
            logits = hardened(batch)
            assert logits.shape == (len(batch), hardened.space.size)
            assert logits.isfinite().all()
            assert torch.equal(batch, kept), "the hardened model changes its inputs in place"

    def test_it_draws_what_it_declares(self, defense: Defense, hardened: HashModel, inputs: Tensor) -> None:
        """A model that declares no draws in its passes gives an input the same logits, alone and again.

        One that draws in each pass does so from torch's global generator, which the host seeds: with the same seed the
        logits are the same, without it they are not.
        """
        with torch.no_grad():
            if defense.draws is not Draws.PER_CALL:
                together = hardened(inputs)
                assert torch.equal(hardened(inputs), together), "declare it: draws = Draws.PER_CALL"
                alone = torch.cat([hardened(row[None]) for row in inputs])
                torch.testing.assert_close(alone, together, rtol=_ROUNDING, atol=_ROUNDING)
                return
            one, other, again = _seeded(hardened, inputs, 1), _seeded(hardened, inputs, 2), _seeded(hardened, inputs, 1)
        assert torch.equal(one, again), "draw from torch's global generator alone, which the host seeds"
        assert not torch.equal(one, other), "it declares draws in each pass, and draws nothing"

    def test_hardening_repeats(
        self, defense: Defense, model: HashModel, context: DefenseContext, inputs: Tensor
    ) -> None:
        """Equal seeds give equal models, whatever state the global generator is in, which is unchanged."""
        found = []
        for outside in (1, 2):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(outside)
                before = torch.get_rng_state()
                found.append(defense.harden(model, context).eval())
                assert torch.equal(torch.get_rng_state(), before), "seed draws with robusthash.contracts.seeded"
        with torch.no_grad():
            one, other = (_seeded(hardened, inputs, 0) for hardened in found)
        assert torch.equal(one, other), "equal seeds harden to different models"

    def test_another_seed_is_another_model_if_it_says_so(
        self, defense: Defense, model: HashModel, inputs: Tensor
    ) -> None:
        """A defense that draws once depends on the run's seed; one that declares no draws and no training does not."""
        if isinstance(defense, TrainedDefense):
            pytest.skip("the order of its training depends on the seed")
        with torch.no_grad():
            one, other = (
                _seeded(defense.harden(model, toy_defense_context(seed=seed)).eval(), inputs, 0) for seed in (0, 1)
            )
        assert torch.equal(one, other) == (defense.draws is not Draws.SEED), "what it declares in `draws`"

    def test_gradient_reaches_every_input(self, hardened: HashModel, inputs: Tensor) -> None:
        """Finite, non-zero, and independent between inputs: a hidden gradient only hides how weak the model is."""
        if self.masks_gradients:
            pytest.skip("it hides its gradient on purpose, by its class attribute `masks_gradients`")
        hardened.requires_grad_(requires_grad=False)
        images = inputs.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(hardened(images)[:2].sum(), images)
        assert gradient.isfinite().all()
        reached = gradient[:2].flatten(1).any(1)
        assert reached.all(), "inputs that the gradient reaches: round with a straight-through gradient"
        assert not gradient[2:].any(), "gradients of other inputs"

    def test_training_is_reported(self, defense: Defense, model: HashModel, context: DefenseContext) -> None:
        """A defense that trains returns its report, and a wrapper is rebuilt around the model by its tensors."""
        if not isinstance(defense, TrainedDefense):
            pytest.skip("it does not train")
        trained, report = defense.train(model, context)
        assert report.losses, "a training has a loss per epoch"
        if isinstance(defense, TrainedWrapper):
            shell = defense.around(model, context.seed)
            assert {name: part.shape for name, part in shell.state_dict().items()} == {
                name: part.shape for name, part in trained.state_dict().items()
            }
        else:
            assert trained.state_dict().keys() == model.state_dict().keys(), "the same network, with other weights"


def toy_defense_context(*, seed: int = 0, items: int = 80) -> DefenseContext:
    """What a defense is handed, on toy images: it can train.

    Args:
        seed: of the run.
        items: images of each split.
    """
    query, database, train = (_split(name, items, place) for place, name in enumerate(("query", "database", "train")))
    classes = tuple(map(str, range(CLASSES)))
    return defense_context(
        RetrievalData(name="toy", classes=classes, query=query, database=database, train=train), seed=seed
    )


def _split(name: str, items: int, place: int) -> Split:
    images, labels = toy_images(items, seed=10 + place)
    ids = tuple(f"{name} {i}" for i in range(items))
    return Split.of_images(name=name, images=ArrayImages(to_levels(images)), labels=labels, ids=ids)


def _seeded(model: HashModel, inputs: Tensor, seed: int) -> Tensor:
    """Logits with torch's global generator seeded, as the host does."""
    with torch.random.fork_rng(devices=[]), evaluating(model):
        torch.manual_seed(seed)
        logits: Tensor = model(inputs)
    return logits
