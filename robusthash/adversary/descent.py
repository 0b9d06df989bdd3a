"""The base class of attacks by descent: the options of the engine, and its runs."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from robusthash.adversary.engine import Descent, Schedule, descend
from robusthash.adversary.objective import Objective
from robusthash.adversary.smoothing import Smoother, Smoothing
from robusthash.adversary.starts import Start, start_of
from robusthash.adversary.steps import Step, usual_size
from robusthash.contracts import IMAGE, Attack, AttackBatch, AttackContext
from robusthash.deprecation import deprecated
from robusthash.errors import OptionError
from robusthash.specs import Norm


@dataclass(frozen=True, kw_only=True)
class DescentAttack(Attack):
    """An objective, minimised by projected gradient descent.

    Raises:
        OptionError: an option is outside its range, or two options exclude each other.
    """

    effort: ClassVar[str | None] = "steps"

    steps: int = 100  #: gradient steps T
    step: Step = Step.SIGN  #: how a gradient becomes a step
    step_size: float | None = (
        None  #: in input units; none is epsilon/8 (1/255 at the usual 8/255), adaptive 2*epsilon, fine 0.3*epsilon
    )
    start: Start | str = (
        Start.ZERO  #: zero: the clean input; random: any of the ball; best: an ensemble's; else an attack that learns
    )
    random_start: bool | None = None  #: deprecated: true is start=random, false is start=zero
    restarts: int = (
        1  #: number of runs; all but the first start at a random point, for queries that have not reached the aim
    )
    keep_best: bool = True  #: deliver the iterate nearest to the aim, not the last
    stop: bool = True  #: drop a query once it has reached the aim
    decay: float | None = (
        None  #: decay of the accumulated gradient; new ones are added with mean magnitude 1 (MI); none is off
    )
    nesterov: bool = False  #: take the gradient at a point ahead, along the accumulated one (NI)
    diversity: float = 0.0  #: probability that a pass sees the image shrunk and padded (DI)
    shrink: float = 0.9  #: smallest side of a shrunk image, as a share
    scales: int = 1  #: number of views to average over, each half as bright as the one before (SI)
    variance: int = 0  #: number of neighbours of an iterate whose gradients correct the next gradient (VMI)
    reach: float = 1.5  #: largest distance of these neighbours, as a share of epsilon
    passes: int = 1  #: number of passes of each view to average over, for randomised models (EOT)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._read_random_start()
        if self.steps < 1 or self.restarts < 1:
            raise OptionError(f"steps={self.steps}, restarts={self.restarts}", hint="both must be at least 1")
        if self.step_size is not None and self.step_size <= 0:
            raise OptionError(f"step_size={self.step_size}", hint="it must be positive: for images, such as 1/255")
        remembers = self.smoothing.remembers  # this checks the options of smoothing, too
        if self.step.adapts and remembers:
            raise OptionError(
                f"step={self.step} with decay={self.decay}, variance={self.variance}",
                hint="such steps have their own momentum and return to their best point: omit both, or use step=sign",
            )

    @property
    def norms(self) -> frozenset[Norm]:
        """L-infinity and L2."""
        return frozenset({Norm.LINF, Norm.L2})

    @property
    def starts_at(self) -> str | None:  # noqa: D102 - as in the base class
        return None if self.start in tuple(Start) else str(self.start)

    @property
    def refines(self) -> bool:  # noqa: D102 - as in the base class
        return self.start == Start.BEST

    @property
    def averaged(self) -> int:  # noqa: D102 - as in the base class
        return self.passes

    @property
    def modalities(self) -> frozenset[str] | None:  # noqa: D102 - as in the base class
        return frozenset({IMAGE}) if self.diversity else None

    @property
    def smoothing(self) -> Smoothing:
        """How gradients are smoothed before they become steps."""
        return Smoothing(
            decay=self.decay,
            nesterov=self.nesterov,
            diversity=self.diversity,
            shrink=self.shrink,
            scales=self.scales,
            variance=self.variance,
            reach=self.reach,
            passes=self.passes,
        )

    @abstractmethod
    def objective(self, batch: AttackBatch, context: AttackContext) -> Objective:
        """What is minimised, and what is to be reached.

        Args:
            batch: the queries.
            context: all that the attack may know.

        Raises:
            CapabilityError: something that it needs is missing.
        """

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        clean = batch.inputs
        objective = self.objective(batch, context)
        if context.threat.epsilon == 0:
            return clean
        if context.restart:  # its random numbers are independent of those of this try's restarts
            context = replace(context, random=context.random.derived(f"try {context.restart}"))
        best = self._run(0, torch.arange(len(clean), device=clean.device), None, objective, batch, context)
        for run in range(1, self.restarts):
            rows = (best.distance > 0).nonzero().squeeze(1)
            if not len(rows):
                break
            again = self._run(run, rows, best.distance[rows], objective, batch, context)
            better = again.distance < best.distance[rows]
            best.delta[rows[better]] = again.delta[better]
            best.distance[rows[better]] = again.distance[better]
        return clean + best.delta

    def _run(
        self,
        run: int,
        rows: Tensor,
        reached: Tensor | None,
        objective: Objective,
        batch: AttackBatch,
        context: AttackContext,
    ) -> Descent:
        threat = context.threat
        clean, ids, elements = batch.inputs[rows], batch.ids[rows], batch.inputs[0].numel()
        start = Start.RANDOM if run or (context.restart and not self.refines) else self.start
        delta = start_of(start, batch, rows, threat, context.random, run=run)
        schedule = Schedule(
            steps=self.steps,
            step=self.step,
            size=usual_size(self.step, threat, elements) if self.step_size is None else self.step_size,
            keep_best=self.keep_best,
            stop=self.stop,
        )
        smoother = None
        if self.smoothing.changes:
            ahead = schedule.size * threat.even(elements) / threat.radius  # of an element, if all change alike
            smoother = Smoother(self.smoothing, context.random, ids, threat=threat, size=ahead, restart=run)

        def observe(active: Tensor, step: int, distance: Tensor) -> None:
            # The outcome of an earlier run is delivered unless this one is nearer.
            now = distance if reached is None else torch.minimum(distance, reached[active])
            context.observe(ids[active], run * self.steps + step, now)

        return descend(context.surrogate, clean, delta, objective.rows(rows), threat, schedule, smoother, observe)

    def _read_random_start(self) -> None:
        """Reads the option's former name, which a class may have as its default.

        Raises:
            OptionError: both names are used.
        """
        if self.random_start is None:
            return
        start = Start.RANDOM if self.random_start else Start.ZERO
        deprecated("random_start", removed_in="0.2", instead=f"start={start}", stacklevel=4)
        if self.start not in (Start.ZERO, start):
            raise OptionError(f"start={self.start}, random_start={self.random_start}", hint="leave random_start out")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "random_start", None)
