"""What every hash model promises, and what a network promises besides: logits, codes, and gradients.

::

    class TestMyNetwork(ModelContract):
        @pytest.fixture
        def build(self) -> Callable[[], HashModel]:
            return lambda: MyNetwork(bits=32)
"""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from robusthash.contracts import IMAGE, PIXELS, HashModel
from robusthash.hashing import binarise

_ROUNDING = 1e-4  #: another batch shape changes the low-order bits of the kernels


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
