"""Smoothing: the votes, their gradient, and the training before it."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from robusthash.contracts import DefenseContext, HashModel, SmoothedModel, TrainBatch, TrainStep
from robusthash.errors import CapabilityError, OptionError
from robusthash.host import PluginHost, PluginKind
from robusthash.testing import SmallVictim, toy_images
from robusthash_defenses import smoothed
from robusthash_defenses.inner_products import InnerProducts
from robusthash_defenses.smoothed import Smoothing, Voted
from robusthash_defenses.smoothed_training import NoisyStep, TrainedSmoothing


def test_a_pass_is_the_mean_vote() -> None:
    model, (images, _) = SmallVictim().eval(), toy_images(3, seed=0)
    torch.manual_seed(0)
    found = Voted(model, 0.2, 5)(images)
    torch.manual_seed(0)
    votes = [torch.where(model(images + 0.2 * torch.randn_like(images)) < 0, -1.0, 1.0) for _ in range(5)]
    torch.testing.assert_close(found, torch.stack(votes).mean(0))
    assert set((found * 5).round().long().unique().tolist()) <= {-5, -3, -1, 1, 3, 5}


def test_hardly_any_noise_is_the_model_itself() -> None:
    model, (images, _) = SmallVictim().eval(), toy_images(8, seed=1)
    assert torch.equal(Voted(model, 1e-7, 3).codes(images), model.codes(images))


def test_the_gradient_is_that_of_the_tanh_of_each_vote() -> None:
    model, images = SmallVictim().eval(), toy_images(2, seed=2)[0].requires_grad_()
    torch.manual_seed(0)
    (found,) = torch.autograd.grad(Voted(model, 0.1, 3)(images).sum(), images)
    torch.manual_seed(0)
    soft = sum(torch.tanh(model(images + 0.1 * torch.randn_like(images))) for _ in range(3)) / 3
    assert isinstance(soft, Tensor)
    (expected,) = torch.autograd.grad(soft.sum(), images)
    torch.testing.assert_close(found, expected)
    assert found.abs().sum() > 0


class Counting(SmallVictim):
    """Counts its passes."""

    passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes += 1
        return super().forward(inputs)


def test_the_memory_of_a_pass_does_not_grow_with_the_votes() -> None:
    images, model = toy_images(2, seed=2)[0], Counting().eval()

    def passed(votes: int) -> tuple[Tensor, int]:
        saved: dict[int, int] = {}  # by the place in memory: a vote that is computed again refers to the inputs

        def pack(tensor: Tensor) -> Tensor:
            saved[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            found = Voted(model, 0.1, votes)(images.clone().requires_grad_())
        return found, sum(saved.values())

    usual = passed(31)[1]
    assert usual > 31 * images.numel()
    for votes in (33, 99):
        model.passes = 0
        found, saved = passed(votes)
        assert (model.passes, saved) == (votes, usual + images.numel())  # and the inputs, once
        found.sum().backward()
        assert model.passes == votes + votes - 31
        with torch.no_grad():
            Voted(model, 0.1, votes)(images)
        assert model.passes == 2 * votes + votes - 31


@pytest.mark.parametrize("votes", [31, 33, 45])
def test_a_vote_that_is_computed_again_is_the_same(votes: int) -> None:
    model, images = SmallVictim().eval(), toy_images(2, seed=2)[0]
    weights = torch.linspace(-1, 1, model.space.size)

    def gradient(pass_: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        torch.manual_seed(3)
        leaf = images.clone().requires_grad_()
        outputs = pass_(leaf)
        (slope,) = torch.autograd.grad((outputs * weights).sum(), leaf)
        return outputs.detach(), slope, torch.rand(1)  # and the state of the generator

    def kept(inputs: Tensor) -> Tensor:
        total = torch.zeros(len(inputs), model.space.size)
        for _ in range(votes):
            logits = model(inputs + 0.1 * torch.randn_like(inputs))
            soft = torch.tanh(logits)
            total = total + soft + (torch.where(logits < 0, -1.0, 1.0) - soft).detach()
        return total / votes

    for found, expected in zip(gradient(Voted(model, 0.1, votes)), gradient(kept), strict=True):
        assert torch.equal(found, expected)


class Trained(SmallVictim):
    """Has what a pass in training mode changes, or draws: statistics, a norm that is iterated towards, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.statistics = nn.BatchNorm2d(3)
        self.iterated = spectral_norm(nn.Conv2d(3, 3, 3, padding=1))
        self.dropped = nn.Dropout(0.5)

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(self.dropped(self.iterated(self.statistics(inputs))))


@pytest.mark.parametrize("votes", [31, 33, 36])
def test_votes_that_are_computed_again_train_as_those_that_are_kept(
    votes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = toy_images(6, seed=4)[0]
    torch.manual_seed(0)
    base = Trained().train()
    weights = torch.linspace(-1, 1, base.space.size)

    def trained(kept: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        monkeypatch.setattr(smoothed, "_KEPT", kept)
        network = deepcopy(base)
        torch.manual_seed(1)
        for _ in range(2):
            (Voted(network, 0.1, votes)(images) * weights).sum().backward()
        assert network.statistics.num_batches_tracked == 2 * votes
        slopes = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
        assert len(slopes) > 6
        return slopes, dict(network.named_buffers())

    for found, expected in zip(trained(31), trained(votes), strict=True):
        assert found.keys() == expected.keys()
        for name in expected:
            torch.testing.assert_close(found[name], expected[name], msg=name)


@pytest.mark.parametrize(
    "options",
    [{"sigma": 0.0}, {"sigma": -1.0}, {"sigma": float("nan")}, {"sigma": float("inf")}, {"votes": 0}, {"votes": 2}],
)
@pytest.mark.parametrize("method", [Smoothing, TrainedSmoothing])
def test_what_decides_nothing_is_refused(method: type[Smoothing], options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        method(**options)  # type: ignore[arg-type]


def test_descriptors_are_refused() -> None:
    with pytest.raises(CapabilityError, match="no bits"):
        Voted(_Descriptors(), 0.1, 3)


class _Descriptors(SmallVictim):
    @property
    def space(self):  # type: ignore[no-untyped-def]
        from robusthash.contracts import Distance, Space

        return Space(distance=Distance.COSINE, size=8)


def test_the_host_knows_that_they_draw() -> None:
    host = PluginHost.load()
    for name in ("smoothed", "smoothed-trained"):
        defense = host.create(host.find(PluginKind.DEFENSE, name), {})
        assert type(defense).draws == "per-call"  # type: ignore[attr-defined]
    model = Smoothing(sigma=0.3).harden(SmallVictim().eval(), DefenseContext(data=None, seed=0))  # type: ignore[arg-type]
    assert isinstance(model, SmoothedModel)
    assert model.sigma == 0.3


def test_the_training_sees_noise_on_every_batch() -> None:
    seen: list[Tensor] = []

    class Watched(SmallVictim):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append(inputs.detach())
            return super().forward(inputs)

    images, labels = toy_images(6, seed=3)
    step = NoisyStep(InnerProducts(), 0.4, seed=0)
    model: HashModel = Watched()
    batch = TrainBatch(views={"image": images}, labels=labels.float(), indices=torch.arange(6))
    loss = step.loss(model, batch, TrainStep(epoch=0, epochs=1, iteration=0, bits=model.space.size))
    loss.backward()
    noise = seen[-1] - images
    assert noise.std().item() == pytest.approx(0.4, rel=0.1)
    assert step.reads("image")
    assert "0.4" in step.identity()
