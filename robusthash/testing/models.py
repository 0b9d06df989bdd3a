"""The tests that every hash model and every objective must pass.

Subclass :class:`ModelContract` or :class:`ObjectiveContract`, and give its fixture::

    class TestMyNetwork(ModelContract):
        @pytest.fixture
        def build(self) -> Callable[[], HashModel]:
            return lambda: MyNetwork(bits=32)

    class TestMyLoss(ObjectiveContract):
        @pytest.fixture
        def objective(self) -> Objective:
            return MyLoss(weight=0.1)

Importing this module needs pytest, which the core does not depend on.
"""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from robusthash.contracts import HashModel, Objective, Pairs, TrainStep
from robusthash.hashing import binarise

_ROUNDING = 1e-4  #: another batch shape changes the low-order bits of the kernels


class ModelContract:
    """What a hash model promises."""

    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        """Builds the model under test, a new one each time; a subclass overrides this."""
        pytest.skip("give the fixture `build` in a subclass")

    @pytest.fixture
    def model(self, build: Callable[[], HashModel]) -> HashModel:
        """A model in evaluation mode."""
        return build().eval()

    @pytest.fixture
    def inputs(self, model: HashModel) -> Tensor:
        """Five random inputs in the model's box."""
        box = model.modality
        uniform = torch.rand(5, *box.shape, generator=torch.Generator().manual_seed(0))
        return box.low + (box.high - box.low) * uniform

    def test_gives_logits(self, model: HashModel, inputs: Tensor) -> None:
        """One finite float for each bit, for any batch size, in every corner of the box."""
        corners = torch.full_like(inputs, model.modality.low), torch.full_like(inputs, model.modality.high)
        for batch in (inputs, inputs[:1], *corners):
            logits = model(batch)
            assert logits.shape == (len(batch), model.bits)
            assert logits.dtype == inputs.dtype
            assert logits.isfinite().all()

    def test_images_are_in_pixel_space(self, model: HashModel) -> None:
        """Images are RGB in [0, 1]: a model that wants them normalised normalises them itself."""
        box = model.modality
        if box.name != "image":
            pytest.skip("not an image model")
        assert (box.low, box.high) == (0.0, 1.0)
        assert len(box.shape) == 3
        assert box.shape[0] == 3

    def test_logits_are_not_binarised(self, model: HashModel, inputs: Tensor) -> None:
        """The logits are no signs: attacks and objectives need their size."""
        assert len(model(inputs).detach().abs().unique()) > 1

    def test_codes_are_the_signs_in_evaluation_mode(self, model: HashModel, inputs: Tensor) -> None:
        """Codes carry no gradient, and leave flags and running statistics of a model in training as they are."""
        expected = binarise(model(inputs))
        model.train()
        next(model.modules()).training = True
        flags = [part.training for part in model.modules()]
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        codes = model.codes(inputs)
        assert torch.equal(codes, expected)
        assert codes.dtype == torch.int8
        assert not codes.requires_grad
        assert [part.training for part in model.modules()] == flags
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())

    def test_an_input_is_hashed_alone(self, model: HashModel, inputs: Tensor) -> None:
        """In evaluation mode the logits of an input do not depend on its batch, nor on chance."""
        with torch.no_grad():
            together = model(inputs)
            alone = torch.cat([model(row[None]) for row in inputs])
            torch.testing.assert_close(alone, together, rtol=_ROUNDING, atol=_ROUNDING)
            assert torch.equal(model(inputs), together)

    def test_gradient_reaches_every_input(self, model: HashModel, inputs: Tensor) -> None:
        """Finite, not zero, and for each input its own: with the parameters frozen, as an attack finds them."""
        model.requires_grad_(requires_grad=False)
        images = inputs.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model(images)[:2].sum(), images)
        assert gradient.isfinite().all()
        assert gradient[:2].flatten(1).any(1).all()
        assert not gradient[2:].any()

    def test_weights_survive_safetensors(self, build: Callable[[], HashModel], inputs: Tensor) -> None:
        """The state dict is the whole model: stored and loaded into another one, it gives the same logits."""
        first, second = build().eval(), build().eval()
        with torch.no_grad():
            for part in (*second.parameters(), *second.buffers()):
                if part.is_floating_point():
                    part.add_(1.0)
            second.load_state_dict(load(save({k: v.contiguous() for k, v in first.state_dict().items()})))
            assert torch.equal(first(inputs), second(inputs))


class ObjectiveContract:
    """What a hashing loss promises."""

    bits = 16  #: code length of the tests

    @pytest.fixture
    def objective(self) -> Objective:
        """The objective under test; a subclass overrides this."""
        pytest.skip("give the fixture `objective` in a subclass")

    @pytest.fixture
    def labels(self) -> Tensor:
        """Twenty-four items of four classes: (24, 4) float."""
        return torch.eye(4)[torch.arange(24) % 4]

    @pytest.fixture
    def logits(self, labels: Tensor) -> Tensor:
        """Random logits for them: (24, bits) float."""
        return torch.randn(len(labels), self.bits, generator=torch.Generator().manual_seed(0))

    def test_loss_is_a_finite_scalar(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """From the first step to the last, and for logits far beyond the usual."""
        for epoch in (0, 9):
            for scale in (0.0, 1.0, 100.0):
                loss = self.loss(objective, scale * logits, labels, epoch)
                assert loss.shape == ()
                assert loss.isfinite()

    def test_gradient_reaches_every_item(self, objective: Objective, logits: Tensor, labels: Tensor) -> None:
        """Finite, and not zero in any row."""
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
        """Free logits that follow its gradient end with similar items nearer to each other than the others are."""
        logits = logits.clone().requires_grad_()
        optimiser = torch.optim.Adam([logits], lr=0.1)
        for iteration in range(200):
            optimiser.zero_grad()
            self.loss(objective, logits, labels, iteration // 20).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
        codes = binarise(logits)
        distance = (codes[:, None] != codes[None]).sum(2).float()
        similar = (labels @ labels.T) > 0
        assert distance[similar].mean() < 0.5 * distance[~similar].mean()

    def loss(self, objective: Objective, logits: Tensor, labels: Tensor, epoch: int = 0) -> Tensor:
        """The loss of the items compared with themselves, as the trainer would take it.

        Args:
            objective: the objective.
            logits: (n, bits) float.
            labels: (n, classes) float, multi-hot.
            epoch: of ten.
        """
        step = TrainStep(epoch=epoch, epochs=10, iteration=20 * epoch, bits=self.bits)
        relaxed = objective.relax(logits, step)
        codes = relaxed.detach() if objective.pairing == "bank" else relaxed
        return objective.loss(relaxed, labels, Pairs(codes=codes, similar=((labels @ labels.T) > 0).float()), step)
