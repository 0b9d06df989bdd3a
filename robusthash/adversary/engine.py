"""The gradient engine: projected gradient descent that keeps the best iterates and drops finished queries."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from robusthash.adversary.objective import Objective
from robusthash.adversary.smoothing import Slope, Smoother, Unsmoothed
from robusthash.adversary.steps import Step, step_rule
from robusthash.contracts import Surrogate, Threat


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Steps of a descent, and when it ends.

    Attributes:
        steps: number of gradient steps.
        step: the step rule.
        size: step size in the inputs' units; of the first step if the rule changes it.
        keep_best: return the iterate of each query that is nearest to the aim, instead of the last.
        stop: drop a query from the batch once it has reached the aim.
    """

    steps: int
    step: Step
    size: float
    keep_best: bool = True
    stop: bool = True


@dataclass(frozen=True, kw_only=True)
class Descent:
    """The outcome of a descent.

    Attributes:
        delta: (n, ...) float, perturbations before delivery.
        distance: (n,) distance to the aim after delivery: int64 bits for codes, else float.
    """

    delta: Tensor
    distance: Tensor


def descend(
    surrogate: Surrogate,
    clean: Tensor,
    delta: Tensor,
    objective: Objective,
    threat: Threat,
    schedule: Schedule,
    smoother: Smoother | None = None,
    observe: Callable[[Tensor, int, Tensor], None] | None = None,
) -> Descent:
    """Minimises a per-sample loss of the logits over the ball.

    Each pass sees the inputs as they will be delivered (an image: rounded to 8 bits). Rounding has a straight-through
    gradient, and the perturbation itself stays unrounded, so that steps below one level accumulate.

    Args:
        surrogate: the attacked model, with frozen parameters.
        clean: (n, ...) float, in the box and on its levels.
        delta: the same shape; initial perturbations, inside the ball and the box.
        objective: what is minimised, and what is to be reached.
        threat: the ball and the box.
        schedule: the steps, and when to stop.
        smoother: applied to each gradient before it becomes a step; None leaves it unchanged.
        observe: called with (rows, steps, distance) after each pass: (m,) int64 positions of the queries in the pass,
            the number of steps taken, and (m,) their distances if the descent ended now.

    Raises:
        CapabilityError: the surrogate gives no gradients.
    """
    gradients = smoother or Unsmoothed()
    rule = step_rule(schedule.step, size=schedule.size, steps=schedule.steps, norm=threat.norm)
    active = torch.arange(len(clean), device=clean.device)
    for step in range(schedule.steps + 1):
        last = step == schedule.steps
        point = clean + delta
        # Inputs without levels are delivered as they are: the point itself, which has to stay outside of any graph.
        delivered = threat.deliver(point, clean).detach().requires_grad_(not last and not gradients.elsewhere)
        logits = surrogate(delivered)
        distance = objective.distance(logits)
        if step == 0:
            best = Descent(delta=delta.clone(), distance=distance.clone())
        else:
            _remember(best, active, delta, distance, keep_best=schedule.keep_best)
        if observe is not None:
            observe(active, step, best.distance[active])
        unfinished = distance > 0 if schedule.stop else torch.ones_like(distance, dtype=torch.bool)
        if last or not unfinished.any():
            break
        progress = step / schedule.steps
        # Computed before finished queries are dropped, because it uses the graph of this pass.
        losses = objective.rows(unfinished).loss(logits[unfinished], progress)
        found = None if gradients.elsewhere else _gradient(losses, delivered)
        if not unfinished.all():
            rows = unfinished.nonzero().squeeze(1)
            active, clean, point, delivered = (part[rows] for part in (active, clean, point, delivered))
            objective = objective.rows(rows)
            found = None if found is None else found[rows]
            rule.keep(rows)
            gradients.keep(rows)
        if found is None:
            found = gradients.gradient(_slope(surrogate, objective, progress), delivered)
        gradient = gradients.accumulate(found)
        inside = partial(threat.project, clean=clean)
        delta = rule.move(point, gradient, losses.detach(), inside) - clean
    return best


def _slope(surrogate: Surrogate, objective: Objective, progress: float) -> Slope:
    """A function that returns the gradient of the summed loss at some points, through a view of them."""

    def slope(points: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
        leaf = points.detach().requires_grad_()
        return _gradient(objective.loss(surrogate(view(leaf)), progress), leaf)

    return slope


def _gradient(losses: Tensor, points: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(losses.sum(), points)
    return gradient


def _remember(best: Descent, active: Tensor, delta: Tensor, distance: Tensor, *, keep_best: bool) -> None:
    # Of equally good iterates the later one is kept: its logits have had more steps to move away from zero.
    better = distance <= best.distance[active] if keep_best else torch.ones_like(distance, dtype=torch.bool)
    rows = active[better]
    best.delta[rows] = delta[better]
    best.distance[rows] = distance[better]
