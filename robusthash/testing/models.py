"""The tests that every hash model, and every way to build one, must pass.

Subclass :class:`ModelContract`, :class:`ObjectiveContract`, :class:`ClosedFormContract` or :class:`ReadyModelContract`,
and override its fixture::

    class TestMyNetwork(ModelContract):
        @pytest.fixture
        def build(self) -> Callable[[], HashModel]:
            return lambda: MyNetwork(bits=32)

    class TestMyLoss(ObjectiveContract):
        @pytest.fixture
        def objective(self) -> Objective:
            return MyLoss(weight=0.1)

    class TestMyProjection(ClosedFormContract):
        @pytest.fixture
        def method(self) -> ClosedForm:
            return MyProjection()

    class TestMyReadyHash(ReadyModelContract):
        @pytest.fixture
        def method(self) -> ReadyModel:
            return MyReadyHash()

Importing this module needs pytest, which is not a dependency of the core.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from robusthash.contracts import (
    IMAGE,
    PIXELS,
    ClosedForm,
    HashLayer,
    HashModel,
    Modality,
    Objective,
    Pairs,
    Randomness,
    ReadyModel,
    TrainFeatures,
    TrainStep,
    tower_of,
)
from robusthash.hashing import binarise

_ROUNDING = 1e-4  #: another batch shape changes the low-order bits of the kernels
_RANDOM = Randomness(seed=0, purpose="contract")


class HashContract:
    """The contract of all hash models, including black boxes."""

    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        """Builds the model under test, a new one each time; a subclass overrides this."""
        pytest.skip("override the fixture `build` in a subclass")

    @pytest.fixture
    def model(self, build: Callable[[], HashModel]) -> HashModel:
        """A model in evaluation mode."""
        return build().eval()

    @pytest.fixture
    def inputs(self, model: HashModel) -> Tensor:
        """Five random inputs in the model's box."""
        modality = model.modality
        uniform = torch.rand(5, *modality.shape, generator=torch.Generator().manual_seed(0))
        return modality.box.low + modality.box.width * uniform

    def test_gives_logits(self, model: HashModel, inputs: Tensor) -> None:
        """One finite float per bit, for any batch size, also in the corners of the box."""
        corners = torch.full_like(inputs, model.modality.box.low), torch.full_like(inputs, model.modality.box.high)
        for batch in (inputs, inputs[:1], *corners):
            logits = model(batch)
            assert logits.shape == (len(batch), model.space.size)
            assert logits.dtype == inputs.dtype
            assert logits.isfinite().all()
        assert model.bits == (model.space.size if model.space.binary else None)

    def test_images_are_in_pixel_space(self, model: HashModel) -> None:
        """Images are RGB in [0, 1]: normalisation is part of the model."""
        modality = model.modality
        if modality.name != IMAGE:
            pytest.skip("not an image model")
        assert modality.box == PIXELS
        assert len(modality.shape) == 3
        assert modality.shape[0] == 3

    def test_codes_are_the_signs_in_evaluation_mode(self, model: HashModel, inputs: Tensor) -> None:
        """Codes carry no gradient, and do not change flags or running statistics of a model in training mode.

        Nor does what is stored: packed codes, or the descriptors as they are.
        """
        logits = model(inputs).detach()
        model.train()
        next(model.modules()).training = True
        flags = [part.training for part in model.modules()]
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        stored = model.represent(inputs)
        assert model.space.problem(stored) is None
        assert torch.equal(stored, model.space.represent(logits))
        assert not stored.requires_grad
        if model.space.binary:
            codes = model.codes(inputs)
            assert torch.equal(codes, binarise(logits))
            assert codes.dtype == torch.int8
            assert not codes.requires_grad
        assert [part.training for part in model.modules()] == flags
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())

    def test_an_input_is_hashed_alone(self, model: HashModel, inputs: Tensor) -> None:
        """In evaluation mode the logits of an input depend neither on its batch nor on random numbers."""
        with torch.no_grad():
            together = model(inputs)
            alone = torch.cat([model(row[None]) for row in inputs])
            torch.testing.assert_close(alone, together, rtol=_ROUNDING, atol=_ROUNDING)
            assert torch.equal(model(inputs), together)


class ModelContract(HashContract):
    """The contract of networks: that of :class:`HashContract`, and gradients that attacks can follow."""

    def test_logits_are_not_binarised(self, model: HashModel, inputs: Tensor) -> None:
        """The logits are not signs: attacks and objectives need their magnitude."""
        assert len(model(inputs).detach().abs().unique()) > 1

    def test_gradient_reaches_every_input(self, model: HashModel, inputs: Tensor) -> None:
        """Finite, non-zero, and independent between inputs, with frozen parameters as in an attack."""
        model.requires_grad_(requires_grad=False)
        images = inputs.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model(images)[:2].sum(), images)
        assert gradient.isfinite().all()
        assert gradient[:2].flatten(1).any(1).all()
        assert not gradient[2:].any()

    def test_weights_survive_safetensors(self, build: Callable[[], HashModel], inputs: Tensor) -> None:
        """The state dict is complete: loaded into another instance, it gives the same logits."""
        first, second = build().eval(), build().eval()
        with torch.no_grad():
            for part in (*second.parameters(), *second.buffers()):
                if part.is_floating_point():
                    part.add_(1.0)
            second.load_state_dict(load(save({k: v.contiguous() for k, v in first.state_dict().items()})))
            assert torch.equal(first(inputs), second(inputs))


class ObjectiveContract:
    """The contract of hashing losses."""

    bits = 16  #: code length of the tests

    @pytest.fixture
    def objective(self) -> Objective:
        """The objective under test; a subclass overrides this."""
        pytest.skip("override the fixture `objective` in a subclass")

    @pytest.fixture
    def labels(self) -> Tensor:
        """Twenty-four items of four classes: (24, 4) float."""
        return torch.eye(4)[torch.arange(24) % 4]

    @pytest.fixture
    def logits(self, labels: Tensor) -> Tensor:
        """Random logits for them: (24, bits) float."""
        return torch.randn(len(labels), self.bits, generator=torch.Generator().manual_seed(0))

    def test_loss_is_a_finite_scalar(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """From the first epoch to the last, and for logits of unusual magnitude."""
        for epoch in (0, 9):
            for scale in (0.0, 1.0, 100.0):
                loss = self.loss(objective, scale * logits, labels, epoch)
                assert loss.shape == ()
                assert loss.isfinite()

    def test_gradient_reaches_every_item(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """Finite, and non-zero in every row."""
        logits = logits.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.loss(objective, logits, labels), logits)
        assert gradient.isfinite().all()
        assert gradient.any(1).all()

    def test_order_changes_nothing(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """A batch is a set."""
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
        one = self.loss(objective, logits, labels)
        other = self.loss(objective, logits[order], labels[order])
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)

    def test_descent_brings_similar_items_together(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """Gradient descent on free logits brings similar items closer to each other than dissimilar ones."""
        logits = logits.clone().requires_grad_()
        head = objective.head(bits=self.bits, classes=labels.shape[1], seed=0)
        learnt = list(head.parameters()) if head is not None else []
        optimiser = torch.optim.Adam([logits, *learnt], lr=0.1)
        for iteration in range(200):
            optimiser.zero_grad()
            self.loss(objective, logits, labels, iteration // 20, head=head).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
        codes = binarise(logits)
        distance = (codes[:, None] != codes[None]).sum(2).float()
        similar = (labels @ labels.T) > 0
        assert distance[similar].mean() < 0.5 * distance[~similar].mean()

    def test_the_head_is_made_by_bits_classes_and_seed_alone(self, objective: Objective) -> None:
        """Equal for equal arguments, whatever the state of torch's global generator, which is unchanged."""
        heads = []
        with torch.random.fork_rng():
            for outside in (1, 2):
                torch.manual_seed(outside)
                before = torch.get_rng_state()
                heads.append(objective.head(bits=self.bits, classes=4, seed=0))
                assert torch.equal(torch.get_rng_state(), before)
        one, other = heads
        if one is None or other is None:
            assert one is other
            return
        assert one.state_dict().keys() == other.state_dict().keys()
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name

    def loss(
        self,
        objective: Objective,
        logits: Tensor,
        labels: Tensor,
        epoch: int = 0,
        *,
        head: nn.Module | None = None,
    ) -> Tensor:
        """The loss of the items compared with themselves, as in an epoch with a single batch.

        Args:
            objective: the objective.
            logits: (n, bits) float.
            labels: (n, classes) float, multi-hot.
            epoch: of ten.
            head: the objective's head; None builds a new one.
        """
        head = head or objective.head(bits=self.bits, classes=labels.shape[1], seed=0)
        step = TrainStep(epoch=epoch, epochs=10, iteration=20 * epoch, bits=self.bits, head=head)
        relaxed = objective.relax(logits, step)
        if objective.refreshed:
            objective.refresh(relaxed.detach(), labels, step)
        step = replace(step, indices=torch.arange(len(logits)))
        codes = relaxed.detach() if objective.pairing == "bank" else relaxed
        return objective.loss(relaxed, labels, Pairs(codes=codes, similar=((labels @ labels.T) > 0).float()), step)


class ReadyModelContract(HashContract):
    """The contract of models that need no training."""

    image_size = 24  #: height and width of the tests' images, in pixels

    @pytest.fixture
    def method(self) -> ReadyModel:
        """The plugin object under test; a subclass overrides this."""
        pytest.skip("override the fixture `method` in a subclass")

    @pytest.fixture
    def build(self, method: ReadyModel) -> Callable[[], HashModel]:
        """Builds the model for the tests' images."""

        def built() -> HashModel:
            return tower_of(method.build({IMAGE: Modality.image(self.image_size)}), IMAGE)

        return built

    def test_it_is_what_was_declared(self, method: ReadyModel, model: HashModel) -> None:
        """The code length that the plugin declares, for images of the requested size."""
        assert model.bits == method.bits
        assert model.modality.shape == (3, self.image_size, self.image_size)

    def test_every_build_is_the_same_hash(self, build: Callable[[], HashModel], inputs: Tensor) -> None:
        """Deterministic, because every worker builds its own."""
        assert torch.equal(build().codes(inputs), build().codes(inputs))


class ClosedFormContract:
    """The contract of closed-form projections."""

    bits = 16  #: code length of the tests

    @pytest.fixture
    def method(self) -> ClosedForm:
        """The plugin object under test; a subclass overrides this."""
        pytest.skip("override the fixture `method` in a subclass")

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
