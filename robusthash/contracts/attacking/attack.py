"""Attacks, what they are passed, and the guard that checks what they return."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from torch import Tensor

from robusthash.boundary import breach, foreign
from robusthash.contracts.attacking.access import CodeBank, Oracle, Surrogate
from robusthash.contracts.attacking.fingerprint import fingerprint
from robusthash.contracts.attacking.learning import LearningContext
from robusthash.contracts.attacking.threat import Threat
from robusthash.contracts.randomness import Randomness, isolated_randomness
from robusthash.specs import Capability, Distance, Goal, Norm


@dataclass(frozen=True, kw_only=True)
class AttackBatch:
    """The queries to perturb. What the threat model or the attack's needs exclude is None.

    Attributes:
        inputs: (n, ...) float32 in the threat's box and on its levels; images are (n, 3, h, w) in [0, 1], on the 8-bit
            grid.
        ids: (n,) int64, each query's position in the dataset's query split; selects its randomness.
        labels: (n, classes) uint8, the queries' own labels.
        targets: (n, classes) uint8, the target labels.
        anchors: (n, voters, bits) int8 in {-1, 0, +1}: codes of database items with exactly the target label; a row of
            zeros is an absent voter. For a model without bits, descriptors (n, voters, d) float32.
        start: (n, ...) float32, where to start: the queries, before rounding, as the attack :attr:`Attack.starts_at`
            leaves them, in the first try; or of an attack that refines, an ensemble's strongest outcomes so far.
    """

    inputs: Tensor
    ids: Tensor
    labels: Tensor | None = None
    targets: Tensor | None = None
    anchors: Tensor | None = None
    start: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class AttackContext:
    """All that an attack may know besides its queries.

    Attributes:
        surrogate: the model that it is crafted on.
        threat: the ball and the box that its results must stay in.
        random: randomness that depends only on the seed, the attack and the query.
        bank: codes and labels of the train split; None unless the attack needs it.
        oracle: the victim as a service; None unless the attack needs it.
        fitted: what :meth:`Attack.fit` returned, on the queries' device; None if it learns nothing.
        restart: index of the try; every try after the first, 0, starts at a random point, unless the attack refines.
        progress: called with (done, total, what) during long steps.
        observe: called with (ids, step, distance) as the attack proceeds: (n,) int64 ids of queries, the number of
            steps taken, and (n,) the distance to the aim of what would be delivered now: int64 bits for codes, else
            float.
    """

    surrogate: Surrogate
    threat: Threat
    random: Randomness
    bank: CodeBank | None = None
    oracle: Oracle | None = None
    fitted: Mapping[str, Tensor] | None = None
    restart: int = 0
    progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None
    observe: Callable[[Tensor, int, Tensor], None] = lambda _ids, _step, _distance: None


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    """The outcome of an attack after the guard's checks.

    Attributes:
        inputs: (n, ...) float32: inside the ball (of a bounded attack) and the box, rounded to the box's levels toward
            the clean inputs. Of tags: whole, and of all changes the largest that the threat allows.
        unrounded: the same before rounding.
        clipped: (n,) float32, share of elements that the attack left outside the ball or the box.
    """

    inputs: Tensor
    unrounded: Tensor
    clipped: Tensor

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Concatenates batches, in their order."""
        inputs, unrounded, clipped = zip(*((one.inputs, one.unrounded, one.clipped) for one in parts), strict=True)
        return cls(inputs=torch.cat(inputs), unrounded=torch.cat(unrounded), clipped=torch.cat(clipped))

    def where(self, rows: Tensor) -> Self:
        """The outcomes of some queries, by (m,) int64 positions or an (n,) bool mask."""
        return type(self)(inputs=self.inputs[rows], unrounded=self.unrounded[rows], clipped=self.clipped[rows])

    def replaced(self, rows: Tensor, by: Self) -> Self:
        """A copy in which the outcomes of some queries are replaced.

        Args:
            rows: (m,) int64 positions.
            by: the m new outcomes.
        """
        inputs, unrounded, clipped = self.inputs.clone(), self.unrounded.clone(), self.clipped.clone()
        inputs[rows], unrounded[rows], clipped[rows] = by.inputs, by.unrounded, by.clipped
        return type(self)(inputs=inputs, unrounded=unrounded, clipped=clipped)


class Attack(ABC):
    """An attack: a frozen dataclass of options.

    Attributes:
        effort: name of the option that sets how long the attack works, such as ``steps``; None if there is none. Of two
            attacks that differ in it alone, the longer one must not be weaker (RH012), and curves are drawn over it.
    """

    effort: ClassVar[str | None] = None

    def __post_init__(self) -> None:  # noqa: B027 - most attacks have nothing to check
        """Checks the options; here there are none. A class that shares options with others calls its ``super()``'s.

        Raises:
            OptionError: an option is outside its range.
        """

    @property
    def goal(self) -> Goal:
        """Whether the attack, with these options, is targeted."""
        return Goal.UNTARGETED

    @property
    def needs(self) -> frozenset[Capability]:
        """What the attack, with these options, needs besides the queries."""
        return frozenset()

    @property
    def distances(self) -> frozenset[Distance]:
        """Distances of the models that it can attack; by default codes alone."""
        return frozenset({Distance.HAMMING})

    @property
    def modalities(self) -> frozenset[str] | None:
        """Modalities that it can perturb, such as ``image`` and ``text``; None is all."""
        return None

    @property
    def norms(self) -> frozenset[Norm]:
        """Norms of the threats that it works within; by default L-infinity alone."""
        return frozenset({Norm.LINF})

    @property
    def starts_at(self) -> str | None:
        """Registered name of an attack that learns, from whose outcome the first try starts; None without one."""
        return None

    @property
    def refines(self) -> bool:
        """Whether it starts, as a member of an ensemble, at the strongest outcome so far of each query.

        The host passes it as :attr:`AttackBatch.start`. On its own, and as the first member, there is none.
        """
        return False

    @property
    def averaged(self) -> int:
        """Number of passes that each gradient is averaged over, for randomised models."""
        return 1

    @property
    def bounded(self) -> bool:
        """Whether it stays within the threat's radius. One that does not is flagged (RH006) and not ranked.

        False is for visible alterations such as a mosaic, for which the guard enforces the box alone.
        """
        return True

    @property
    def learnt_from(self) -> frozenset[str] | None:
        """Names of the options that what it learns depends on; None is all of them.

        The others may differ where what was learnt is used again: it is learnt once for all of their values.
        """
        return None

    def fit(self, context: LearningContext) -> Mapping[str, Tensor] | None:  # noqa: ARG002 - for subclasses
        """Learns what the attack needs before its first query, once for each surrogate; the host caches it.

        Args:
            context: all that it may know and use. Queries are not included, so nothing is tuned on them.

        Returns:
            Tensors by name, passed to :meth:`perturb` as :attr:`AttackContext.fitted`; None if there is nothing to
            learn.
        """
        return None

    @abstractmethod
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        """Perturbs a batch of queries.

        Args:
            batch: the queries; they must not be changed in place.
            context: all that the attack may know.

        Returns:
            Adversarial inputs, with the shape, dtype and device of ``batch.inputs``. The guard clips and rounds them.
        """

    @final
    def learn(self, context: LearningContext) -> Mapping[str, Tensor] | None:
        """Runs :meth:`fit` and checks what it returns.

        Raises:
            ContractError: the attack returned something other than finite tensors by name, or changed the model.
        """
        model = context.surrogate.model
        before = fingerprint(model)
        nobody = torch.empty(0, dtype=torch.int64, device=context.device)
        with isolated_randomness(context.random, nobody), foreign(self, "learn"):
            fitted = self.fit(context)
        if fingerprint(model) != before:
            raise breach(self, "changed the model while it learnt", hint="work on a copy")
        if fitted is None:
            return None
        if not isinstance(fitted, Mapping) or not all(isinstance(part, Tensor) for part in fitted.values()):
            raise breach(self, f"learnt a {type(fitted).__name__}", hint="return tensors by name, or None, from `fit`")
        diverged = [key for key, part in fitted.items() if not torch.isfinite(part).all()]
        if diverged:
            raise breach(self, f"learnt NaN or infinite values: {', '.join(diverged)}", hint="lower the learning rate")
        return {str(key): part.detach() for key, part in fitted.items()}

    @final
    def __call__(self, batch: AttackBatch, context: AttackContext) -> Adversarial:
        """The guard: runs :meth:`perturb`, and checks, clips and rounds what it returns.

        Raises:
            ContractError: the attack returned NaN, infinite values, or another shape, dtype or device; it changed the
                model or its inputs; or it needs queries and not gradients, and passed inputs through the surrogate.
        """
        model = context.surrogate.model
        before = fingerprint(model)
        passes = context.surrogate.budget.forward
        clean = batch.inputs.clone()
        with isolated_randomness(context.random, batch.ids), foreign(self, f"perturb {len(clean)} inputs"):
            result = self.perturb(batch, context)
        self._check(result, clean)
        if fingerprint(model) != before:
            raise breach(self, "changed the model", hint="work on a copy")
        black_box = Capability.QUERIES in self.needs and Capability.GRADIENTS not in self.needs
        if black_box and context.surrogate.budget.forward > passes:
            raise breach(
                self,
                "declares queries as its only access, and passed inputs through the surrogate",
                hint="use `context.oracle`, or add the need 'gradients'",
            )
        if not torch.equal(batch.inputs, clean):
            raise breach(self, "changed its inputs in place", hint="work on a clone")
        result = result.detach()
        threat = context.threat if self.bounded else context.threat.unbounded
        inside = threat.project(result, clean)
        outside = ((result - inside).abs() > context.threat.tolerance).flatten(1).float().mean(1)
        return Adversarial(inputs=threat.deliver(inside, clean), unrounded=inside, clipped=outside)

    def _check(self, result: object, clean: Tensor) -> None:
        wanted = f"return {tuple(clean.shape)} {clean.dtype} on {clean.device}"
        if not isinstance(result, Tensor):
            raise breach(self, f"returned {type(result).__name__}, not a tensor", hint=wanted)
        if result.shape != clean.shape or result.dtype != clean.dtype or result.device != clean.device:
            raise breach(self, f"returned {tuple(result.shape)} {result.dtype} on {result.device}", hint=wanted)
        if not torch.isfinite(result).all():
            raise breach(self, "returned NaN or infinite values", hint="guard divisions by zero in its loss")
