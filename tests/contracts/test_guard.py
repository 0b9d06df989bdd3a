"""The guard around every attack: what it refuses, what it clips, and what it counts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import Attack, AttackBatch, AttackContext, Budget, Surrogate
from robusthash.errors import CapabilityError, ContractError
from robusthash.testing import SmallVictim, toy_batch, toy_context

Deed = Callable[[AttackBatch, AttackContext], object]


@dataclass(frozen=True, kw_only=True)
class Attempt(Attack):
    """Does what a test wants."""

    deed: Deed

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return self.deed(batch, context)  # type: ignore[return-value]  # that is what the guard is for


@pytest.fixture
def victim() -> SmallVictim:
    return SmallVictim()


@pytest.fixture
def batch(victim: SmallVictim) -> AttackBatch:
    return toy_batch(victim, size=4)


@pytest.fixture
def context(victim: SmallVictim, batch: AttackBatch) -> AttackContext:
    return toy_context(victim)


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        (lambda b, c: None, "returned NoneType"),
        (lambda b, c: b.inputs.numpy(), "returned ndarray"),
        (lambda b, c: b.inputs[:2], "return .*(4, 3, 16, 16)"),
        (lambda b, c: b.inputs.double(), "torch.float64"),
        (lambda b, c: b.inputs.masked_fill(b.inputs > 0.5, torch.nan), "NaN"),
        (lambda b, c: b.inputs + torch.inf, "infinite"),
    ],
)
def test_refuses_what_is_no_image(deed: Deed, message: str, batch: AttackBatch, context: AttackContext) -> None:
    with pytest.raises(ContractError, match=message.replace("(", r"\(").replace(")", r"\)")) as refused:
        Attempt(deed=deed)(batch, context)
    assert "Attempt" in str(refused.value)


def _nudge_weight(model: nn.Module) -> None:
    weight = next(model.parameters())
    weight.data.view(-1)[0] += 1e-6


def _nudge_statistics(model: nn.Module) -> None:
    model.get_buffer("features.1.running_mean").add_(1e-6)


def _nudge_hidden_buffer(model: nn.Module) -> None:
    model.get_buffer("hidden").add_(1)


def _unfreeze(model: nn.Module) -> None:
    next(model.parameters()).requires_grad_()


def _train_one_part(model: nn.Module) -> None:
    model.get_submodule("features.1").training = True


def _replace_part(model: nn.Module) -> None:
    model.set_submodule("hash_layer", nn.Identity())


@pytest.mark.parametrize(
    "change", [_nudge_weight, _nudge_statistics, _nudge_hidden_buffer, _unfreeze, _train_one_part, _replace_part]
)
def test_refuses_a_changed_model(
    change: Callable[[nn.Module], None], batch: AttackBatch, context: AttackContext, victim: SmallVictim
) -> None:
    victim.register_buffer("hidden", torch.zeros((), dtype=torch.int64), persistent=False)

    def deed(batch: AttackBatch, context: AttackContext) -> Tensor:
        change(context.surrogate.model)
        return batch.inputs

    with pytest.raises(ContractError, match="changed the model"):
        Attempt(deed=deed)(batch, context)


def test_refuses_queries_changed_in_place(batch: AttackBatch, context: AttackContext) -> None:
    with pytest.raises(ContractError, match="in place"):
        Attempt(deed=lambda b, c: b.inputs.add_(1 / 255))(batch, context)


def test_clips_to_the_ball_and_reports_the_share(batch: AttackBatch, context: AttackContext) -> None:
    inside = replace(batch, inputs=torch.full((2, 3, 16, 16), 128 / 255), ids=batch.ids[:2])

    def deed(batch: AttackBatch, context: AttackContext) -> Tensor:
        far = batch.inputs.clone()
        far[0, :, :4] += 20 / 255
        far[1] += 8 / 255
        return far

    result = Attempt(deed=deed)(inside, context)
    torch.testing.assert_close(result.clipped, torch.tensor([0.25, 0.0]))
    torch.testing.assert_close(result.inputs[0, :, :4], torch.full((3, 4, 16), 136 / 255))
    assert torch.equal(result.inputs[0, :, 4:], inside.inputs[0, :, 4:])


def test_an_unbounded_attack_is_held_to_the_box_alone(batch: AttackBatch, context: AttackContext) -> None:
    class Unbounded(Attempt):
        bounded = False

    result = Unbounded(deed=lambda b, c: b.inputs + 0.75)(batch, context)
    assert torch.equal(result.unrounded, (batch.inputs + 0.75).clamp(0, 1))
    assert torch.equal(result.inputs, (result.inputs * 255).round() / 255)
    outside = (batch.inputs + 0.75 > 1 + context.threat.tolerance).flatten(1).float().mean(1)
    torch.testing.assert_close(result.clipped, outside)


def test_clips_to_the_box(batch: AttackBatch, context: AttackContext) -> None:
    white = replace(batch, inputs=torch.ones(1, 3, 16, 16), ids=batch.ids[:1])
    result = Attempt(deed=lambda b, c: b.inputs + 4 / 255)(white, context)
    assert torch.equal(result.inputs, white.inputs)
    assert result.clipped.tolist() == [1.0]


@pytest.mark.parametrize(("shift", "level"), [(2.7, 102), (-2.7, 98), (0.9, 100), (-8.0, 92)])
def test_delivers_rounded_images_and_keeps_the_unrounded(
    shift: float, level: int, batch: AttackBatch, context: AttackContext
) -> None:
    grey = replace(batch, inputs=torch.full((1, 3, 16, 16), 100 / 255), ids=batch.ids[:1])
    result = Attempt(deed=lambda b, c: b.inputs + shift / 255)(grey, context)
    assert ((result.inputs * 255).round() == level).all()
    torch.testing.assert_close(result.unrounded, grey.inputs + shift / 255)


def test_gives_back_global_randomness_and_seeds_it_by_query(batch: AttackBatch, context: AttackContext) -> None:
    attempt = Attempt(deed=lambda b, c: b.inputs + (torch.rand_like(b.inputs) - 0.5) / 255)
    state = torch.get_rng_state()
    first = attempt(batch, context).unrounded
    torch.rand(3)
    again = attempt(batch, context).unrounded
    other = attempt(batch, toy_context(SmallVictim(), seed=1)).unrounded
    torch.set_rng_state(state)
    attempt(batch, context)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_result_carries_no_graph(batch: AttackBatch, context: AttackContext) -> None:
    result = Attempt(deed=lambda b, c: b.inputs.clone().requires_grad_() * 1)(batch, context)
    assert not result.inputs.requires_grad
    assert not result.unrounded.requires_grad


def test_surrogate_counts_images_both_ways(victim: SmallVictim, batch: AttackBatch, context: AttackContext) -> None:
    budget = Budget()
    surrogate = Surrogate(victim, budget)
    surrogate(batch.inputs)
    assert budget == Budget(forward=4, backward=0)
    images = batch.inputs.clone().requires_grad_()
    torch.autograd.grad(surrogate(images).sum(), images)
    assert budget == Budget(forward=8, backward=4)
    with torch.no_grad():
        surrogate(images)
    assert budget == Budget(forward=12, backward=4)


def test_surrogate_without_gradients_says_so(victim: SmallVictim, batch: AttackBatch) -> None:
    class Opaque(SmallVictim):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs.detach())

    surrogate = Surrogate(Opaque().requires_grad_(requires_grad=False), Budget())
    assert surrogate(batch.inputs).shape == (4, 16)
    with pytest.raises(CapabilityError, match="Opaque gives no gradients"):
        surrogate(batch.inputs.clone().requires_grad_())


def test_the_final_call_runs_on_no_queries(victim: SmallVictim, context: AttackContext) -> None:
    empty = AttackBatch(inputs=torch.empty(0, 3, 16, 16), ids=torch.empty(0, dtype=torch.int64))
    result = Attempt(deed=lambda b, c: b.inputs.clone())(empty, context)
    assert result.inputs.shape == (0, 3, 16, 16)
    assert np.array_equal(result.clipped.numpy(), np.empty(0))
