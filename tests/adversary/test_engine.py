"""The gradient engine against steps worked out by hand, on linear victims."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Descent, Schedule, Smoother, Smoothing, Step, Towards, descend
from robusthash.adversary.rules import Project, Sign
from robusthash.adversary.steps import usual_size
from robusthash.contracts import PIXELS, Budget, HashModel, Modality, Norm, Randomness, Surrogate, Threat
from robusthash.hashing import hamming, sign
from robusthash.testing import LinearVictim, SmallVictim, toy_batch

LEVEL = 1 / 255


class Dot(HashModel):
    """One bit for each row of weights, over an image of one pixel."""

    def __init__(self, weight: list[list[float]]) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight))
        self.bits, self.modality = len(weight), Modality.image(1)

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs.flatten(1) - 0.5) @ self.get_buffer("weight").T


def linear(logits: Tensor, aim: Tensor, _progress: float) -> Tensor:
    return -(logits * aim).sum(1)


def run(
    model: HashModel,
    clean: Tensor,
    aim: Tensor,
    *,
    epsilon: float = 1.0,
    norm: Norm = Norm.LINF,
    loss: Callable[[Tensor, Tensor, float], Tensor] = linear,
    delta: Tensor | None = None,
    budget: Budget | None = None,
    **schedule: Any,
) -> Descent:
    choices = {"steps": 2, "step": Step.SIGN, "size": LEVEL, **schedule}
    surrogate = Surrogate(model.requires_grad_(requires_grad=False).eval(), budget or Budget())
    start = torch.zeros_like(clean) if delta is None else delta
    objective = Towards(aim=aim, of=loss, space=surrogate.space)
    return descend(surrogate, clean, start, objective, Threat(epsilon=epsilon, norm=norm), Schedule(**choices))


def pixel(*levels: int) -> Tensor:
    return torch.tensor(levels).view(1, 3, 1, 1) / 255


W = [3.0, -4.0, 0.0]
NEVER: dict[str, Any] = {"stop": False, "keep_best": False}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step.SIGN, [2.0, -2.0, 0.0]),
        (Step.L2_UNIT, [1.2, -1.6, 0.0]),
        (Step.RAW, [6.0, -8.0, 0.0]),
        (Step.MOMENTUM, [3 * 2.9, -4 * 2.9, 0.0]),
        (Step.ADAM, [2.0, -2.0, 0.0]),
        (Step.ADAPTIVE, [2.0, -2.0, 0.0]),
        (Step.FINE, [2.0, -2.0, 0.0]),
    ],
)
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_two_steps_go_down_the_loss(step: Step, expected: list[float], direction: float) -> None:
    """The loss ``-h w x`` has the gradient ``-h w`` everywhere, so two steps are known."""
    result = run(Dot([W]), pixel(128, 128, 128), torch.tensor([[direction]]), step=step, **NEVER)
    torch.testing.assert_close(result.delta.flatten() / LEVEL, direction * torch.tensor(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step.SIGN, [1.2, -1.6, 0.0]),
        (Step.L2_UNIT, [1.2, -1.6, 0.0]),
        (Step.RAW, [6.0, -8.0, 0.0]),
        (Step.MOMENTUM, [3 * 2.9, -4 * 2.9, 0.0]),
        (Step.ADAM, [2.0, -2.0, 0.0]),
        (Step.ADAPTIVE, [1.2, -1.6, 0.0]),
        (Step.FINE, [1.2, -1.6, 0.0]),
    ],
)
def test_in_l2_the_steepest_step_is_along_the_gradient(step: Step, expected: list[float]) -> None:
    result = run(Dot([W]), pixel(128, 128, 128), torch.ones(1, 1), step=step, norm=Norm.L2, **NEVER)
    torch.testing.assert_close(result.delta.flatten() / LEVEL, torch.tensor(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.ADAM])
def test_in_l2_the_optimum_of_a_linear_victim_is_reached(step: Step) -> None:
    """The furthest point of a ball along ``w`` is ``epsilon w / |w|``; where the box is in the way, the rest grows.

    Adam's steps are nearly as large in every element, and do not end there.
    """
    size = usual_size(step, Threat(epsilon=20 * LEVEL, norm=Norm.L2), 3)
    choices: dict[str, Any] = {"epsilon": 20 * LEVEL, "norm": Norm.L2, "step": step, "steps": 60, "size": size}
    for green, expected in ((128, [12.0, -16.0, 0.0]), (5, [375**0.5, -5.0, 0.0])):
        found = run(Dot([W]), pixel(128, green, 128), torch.ones(1, 1), **choices, **NEVER)
        torch.testing.assert_close(found.delta.flatten() / LEVEL, torch.tensor(expected), rtol=0, atol=0.05)


def test_stops_at_the_ball_and_at_the_box() -> None:
    result = run(Dot([[1.0, -1.0, 1.0]]), pixel(100, 3, 252), torch.ones(1, 1), epsilon=8 * LEVEL, steps=20, **NEVER)
    assert (result.delta.flatten() * 255).round().tolist() == [8, -3, 3]
    assert Threat(epsilon=8 * LEVEL).contains(pixel(100, 3, 252) + result.delta, pixel(100, 3, 252)).all()


def test_steps_below_one_level_add_up() -> None:
    """The model sees rounded images; the perturbation itself is kept unrounded."""
    result = run(Dot([[1.0, 1.0, 1.0]]), pixel(10, 10, 10), torch.ones(1, 1), size=0.3 * LEVEL, steps=10, **NEVER)
    torch.testing.assert_close(result.delta * 255, torch.full((1, 3, 1, 1), 3.0), rtol=0, atol=1e-3)


def test_the_model_sees_what_is_delivered() -> None:
    """Every pass is of an 8-bit image, and the reported distance is that of the rounded result."""
    victim = SmallVictim()
    seen: list[Tensor] = []
    victim.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0].detach() * 255))
    batch = toy_batch(victim)
    seen.clear()
    aim = -sign(victim(batch.inputs)).detach()
    result = run(victim, batch.inputs, aim, epsilon=0.02, steps=7, size=0.7 * LEVEL)
    assert len(seen) == 1 + 8
    for levels in seen:
        torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-3)
    delivered = victim.codes(PIXELS.toward(batch.inputs + result.delta, batch.inputs))
    assert torch.equal(hamming(delivered, aim), result.distance)


def there_and_back(logits: Tensor, aim: Tensor, progress: float) -> Tensor:
    """Toward the aim for the first half, then away from it."""
    return linear(logits, aim if progress < 0.5 else -aim, progress)


def test_best_iterate_survives_a_loss_that_turns_away() -> None:
    model, clean, aim = Dot([[1.0, 0.0, 0.0], [0.0, 0.0, 9.0]]), pixel(127, 127, 127), torch.tensor([[1.0, 1.0]])
    choices: dict[str, Any] = {"epsilon": 8 * LEVEL, "loss": there_and_back, "steps": 20, "stop": False}
    best = run(model, clean, aim, keep_best=True, **choices)
    last = run(model, clean, aim, keep_best=False, **choices)
    assert best.distance.tolist() == [0]
    assert last.distance.tolist() == [2]
    assert (last.delta[0, 0] * 255).round().item() == -2  # eight up to the ball's edge, then ten down


def test_of_equally_good_iterates_the_later_one_stays() -> None:
    """It has had more steps to move its bits away from zero."""
    choices: dict[str, Any] = {"epsilon": 8 * LEVEL, "steps": 6, "stop": False}
    result = run(Dot([[1.0, 0.0, 0.0]]), pixel(200, 200, 200), torch.ones(1, 1), **choices)
    assert result.distance.tolist() == [0]
    assert (result.delta.flatten()[0] * 255).round().item() == 6


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("keep_best", [True, False])
def test_dropping_finished_queries_changes_no_outcome(step: Step, *, keep_best: bool) -> None:
    """Each query ends where it ends alone; the batch shrinks as queries finish."""
    victim = LinearVictim(bits=4)
    inputs = toy_batch(victim, size=8).inputs
    flip = torch.tensor([[1, 1, 1, -1], [1, -1, 1, 1]]).repeat(4, 1)
    aim = sign(victim(inputs)).detach() * flip
    size = {Step.RAW: 5e-3, Step.MOMENTUM: 1e-3, Step.L2_UNIT: 0.05}.get(step, LEVEL / 2)
    choices: dict[str, Any] = {"step": step, "size": size, "epsilon": 0.1, "steps": 30, "keep_best": keep_best}
    budget = Budget()
    together = run(victim, inputs, aim, budget=budget, **choices)
    assert 8 + 8 < budget.forward < 8 * 31
    assert budget.backward < budget.forward
    for row in range(8):
        alone = run(victim, inputs[row : row + 1], aim[row : row + 1], **choices)
        torch.testing.assert_close(together.delta[row : row + 1], alone.delta, rtol=0, atol=1e-5)
        assert together.distance[row] == alone.distance[0]


def test_finished_queries_cost_one_pass_each() -> None:
    model, budget = Dot([[1.0, 0.0, 0.0]]), Budget()
    result = run(model, pixel(200, 0, 0).expand(5, 3, 1, 1), torch.ones(5, 1), budget=budget, steps=9)
    assert budget == Budget(forward=5, backward=0)
    assert not result.delta.any()
    assert result.distance.tolist() == [0] * 5


def test_every_step_is_one_pass_each_way_with_a_last_look() -> None:
    budget = Budget()
    run(Dot([[1.0, 0.0, 0.0]]), pixel(0, 0, 0).expand(5, 3, 1, 1), torch.ones(5, 1), budget=budget, steps=9)
    assert budget == Budget(forward=5 * 10, backward=5 * 9)


def test_progress_runs_from_zero_to_just_below_one() -> None:
    seen: list[float] = []

    def loss(logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        seen.append(progress)
        return linear(logits, aim, progress)

    run(Dot([W]), pixel(128, 128, 128), torch.ones(1, 1), loss=loss, steps=4, **NEVER)
    assert seen == [0.0, 0.25, 0.5, 0.75]


def test_samples_never_mix() -> None:
    """A query whose loss is a million times larger takes no part of its neighbour's step."""
    clean = pixel(128, 128, 128).expand(2, 3, 1, 1)
    scale = torch.tensor([1.0, 1e6])

    def loss(logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return scale * linear(logits, aim, progress)

    result = run(Dot([W]), clean, torch.ones(2, 1), loss=loss, step=Step.L2_UNIT, **NEVER)
    torch.testing.assert_close(result.delta[0], result.delta[1])


def test_leaves_its_arguments_alone() -> None:
    victim = SmallVictim().eval()
    clean = toy_batch(victim).inputs
    start = torch.zeros_like(clean)
    aim = -sign(victim(clean)).detach()
    copies = clean.clone(), aim.clone()
    run(victim, clean, aim, delta=start, epsilon=0.02, steps=3)
    assert torch.equal(clean, copies[0])
    assert torch.equal(aim, copies[1])
    assert not start.any()


def test_adaptive_steps_reach_the_analytic_optimum_and_stay() -> None:
    """On a linear loss the first step, of twice the radius, ends in the ball's best corner."""
    victim = LinearVictim(bits=4)
    clean = toy_batch(victim).inputs
    aim = -sign(victim(clean)).detach()
    epsilon, surrogate = 8 * LEVEL, victim.requires_grad_(requires_grad=False).eval()
    leaf = clean.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(linear(surrogate(leaf), aim, 0.0).sum(), leaf)
    corner = Threat(epsilon=epsilon).project(clean - gradient.sign(), clean) - clean
    for steps in (1, 30):
        result = run(victim, clean, aim, epsilon=epsilon, steps=steps, step=Step.ADAPTIVE, size=2 * epsilon, **NEVER)
        torch.testing.assert_close(result.delta, corner, rtol=0, atol=1e-6)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_rules_are_given_the_losses_of_the_delivered_images(
    monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
) -> None:
    """Those of the queries that are still active, wherever the gradient is taken."""
    victim = SmallVictim().requires_grad_(requires_grad=False).eval()
    clean = toy_batch(victim).inputs
    aim = -sign(victim(clean)).detach()
    aim[0] = -aim[0]  # the first query is there from the start
    given: list[tuple[Tensor, Tensor]] = []
    move = Sign.move

    def watched(rule: Sign, point: Tensor, gradient: Tensor, losses: Tensor, project: Project) -> Tensor:
        given.append((point, losses))
        return move(rule, point, gradient, losses, project)

    monkeypatch.setattr(Sign, "move", watched)
    random, ids = Randomness(seed=0, purpose="none"), torch.arange(len(clean))
    schedule, threat = Schedule(steps=2, step=Step.SIGN, size=LEVEL), Threat(epsilon=0.02)
    smoother = Smoother(Smoothing(scales=2 if elsewhere else 1), random, ids, threat=threat, size=LEVEL, restart=0)
    objective = Towards(aim=aim, of=linear, space=victim.space)
    descend(Surrogate(victim, Budget()), clean, torch.zeros_like(clean), objective, threat, schedule, smoother)
    assert len(given) == 2
    for point, losses in given:
        assert len(point) == len(clean) - 1
        expected = linear(victim(PIXELS.toward(point, clean[1:])), aim[1:], 0.0)
        torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
        assert not losses.requires_grad


def test_each_pass_is_observed_with_its_queries_its_step_and_their_distances() -> None:
    clean = torch.cat([pixel(127, 0, 0), pixel(100, 0, 0)])
    surrogate = Surrogate(Dot([[1.0, 0.0, 0.0]]).requires_grad_(requires_grad=False).eval(), Budget())
    seen: list[tuple[list[int], int, list[int]]] = []
    descend(
        surrogate,
        clean,
        torch.zeros_like(clean),
        Towards(aim=torch.ones(2, 1), of=linear, space=surrogate.space),
        Threat(epsilon=1.0),
        Schedule(steps=2, step=Step.SIGN, size=LEVEL),
        observe=lambda rows, step, distance: seen.append((rows.tolist(), step, distance.tolist())),
    )
    assert seen == [([0, 1], 0, [1, 1]), ([0, 1], 1, [0, 1]), ([1], 2, [1])]
