"""Soundness checks: signs that a number says more about the evaluation than about the model. The ids are stable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from robusthash.contracts import Threat
from robusthash.specs import Goal

_ALIVE = 0.9  #: share of the images that must have a gradient
_BOTTOM = 0.5  #: share of the bits that an attack over the whole box must flip; random codes differ in as many


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the checks are based on.

    Attributes:
        goal: goal of the attack.
        epsilon: radius of the attack.
        linf: largest L-infinity distance between delivered and clean inputs.
        clipped: mean share of elements that the attack left outside the ball or the box.
        clean: headline metric of the clean queries; for targeted attacks, with respect to the target labels.
        attacked: the same metric of the adversarial queries.
        noise: the same metric under the reference attack with the same radius; None if it was not run.
        moved: mean distance between the codes, or descriptors, of clean and adversarial queries.
        gradients: whether the attack uses gradients.
        bounded: whether the attack stays within its radius.
        transferred: whether it was crafted on another model.
        passes: number of passes that each gradient is averaged over.
        data: what is wrong with the data.
        all_equal: whether all items of the database have the same code or descriptor.
        probe: what :func:`~robusthash.adversary.probe` found on the victim, by name; empty without a probe.
    """

    goal: Goal
    epsilon: float
    linf: float
    clipped: float
    clean: float
    attacked: float
    noise: float | None
    moved: float
    gradients: bool
    bounded: bool = True
    transferred: bool = False
    passes: int = 1
    probe: Mapping[str, float] = field(default_factory=dict)
    all_equal: bool = False
    data: "DataFaults | None" = None


@dataclass(frozen=True, kw_only=True)
class DataFaults:
    """How many queries of a record have data that say little.

    Attributes:
        queries: number of queries.
        own_targets: those whose target label shares a label with them; 0 for an untargeted attack.
        nothing_to_find: those without a relevant item in the database.
        twins: those whose pixels are in the database; None if that is not known.
    """

    queries: int
    own_targets: int
    nothing_to_find: int
    twins: int | None


def soundness(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The failed checks, as (id, message).

    ========  ================================================================
    RH001     a delivered image is outside the ball
    RH002     epsilon is 0, and the score is not the clean one
    RH003     a gradient attack is weaker than noise of the same radius
    RH004     a gradient attack changed no code or descriptor
    RH005     the attack left the ball or the box and was clipped
    RH006     the attack is unbounded: not comparable
    RH007     the victim's gradients are zero: its logits are saturated
    RH008     the victim is randomised: its logits change from pass to pass
    RH009     the victim's gradients are zero: it quantises its input
    RH010     an attack over the whole box does not flip the victim's bits
    RH014     all codes of the database are equal
    RH015     the victim's logits depend on the other inputs in the batch
    RH016     a target shares a label with its query: it is reached without an attack
    RH017     a query has no relevant item in the database
    RH018     a query's pixels are in the database
    ========  ================================================================

    RH011 to RH013 compare records (:mod:`robusthash.results.comparing.consistency`).

    Args:
        evidence: what the checks are based on.
    """
    yield from _of_the_run(evidence)
    if evidence.gradients and not evidence.transferred:
        yield from _of_the_gradients(evidence.probe)
    if evidence.all_equal:
        yield "RH014", "all codes of the database are equal: the model does not distinguish its inputs"
    if evidence.data is not None:
        yield from _of_the_data(evidence.data)
    batched = evidence.probe.get("batched", 0.0)
    if batched > 0:
        yield "RH015", f"batch-dependent: {batched:.0%} of the logits change with the batch: batch norm?"
    randomised = evidence.probe.get("randomised", 0.0)
    if randomised > 0:
        how = f"attacked through {evidence.passes} passes" if evidence.passes > 1 else "attacked as if it were not"
        yield "RH008", f"randomised: {randomised:.0%} of the logits change from pass to pass; {how}"


def _of_the_data(data: DataFaults) -> Iterator[tuple[str, str]]:
    of = f"of {data.queries} queries"
    if data.own_targets:
        yield "RH016", f"{data.own_targets} {of} have a target that shares a label with them: reached without an attack"
    if data.nothing_to_find:
        yield "RH017", f"{data.nothing_to_find} {of} have nothing to find: no database item is relevant to them"
    if data.twins:
        yield "RH018", f"the pixels of {data.twins} {of} are in the database: they find themselves"


def _of_the_run(evidence: Evidence) -> Iterator[tuple[str, str]]:
    threat = Threat(epsilon=evidence.epsilon)
    if not evidence.bounded:
        yield "RH006", f"unbounded: not limited to epsilon {threat.epsilon:.5f}, and not ranked"
    elif evidence.linf > threat.epsilon + threat.tolerance:
        yield "RH001", f"L-infinity {evidence.linf:.5f} is over epsilon {threat.epsilon:.5f}"
    if evidence.bounded and threat.epsilon == 0 and evidence.attacked != evidence.clean:
        yield "RH002", f"epsilon is 0, but {evidence.clean:.3f} became {evidence.attacked:.3f}"
    if evidence.gradients and not evidence.transferred and threat.epsilon > 0:
        yield from _of_the_strength(evidence)
    if evidence.clipped > 0:
        yield "RH005", f"{evidence.clipped:.2%} of the elements were clipped by the guard"


def _of_the_strength(evidence: Evidence) -> Iterator[tuple[str, str]]:
    if evidence.noise is not None:
        gain = evidence.attacked - evidence.noise
        if (gain if evidence.goal is Goal.UNTARGETED else -gain) > 0:
            found = f"{evidence.attacked:.3f} against {evidence.noise:.3f}"
            yield "RH003", f"weaker than noise ({found}): masked gradients?"
    if evidence.moved == 0:
        yield "RH004", "no code or descriptor of any query changed: gradients are zero or masked"


def _of_the_gradients(probe: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    alive = probe.get("gradients", 1.0)
    if alive < _ALIVE:
        dead = f"{1 - alive:.0%} of the images have a gradient of zero"
        if probe.get("stepped", 0.0) > 1 - _ALIVE and probe.get("saturated", 0.0) < _ALIVE:
            yield "RH009", f"{dead}: the model quantises its input, so attack it through an approximation"
        else:
            yield "RH007", f"{dead}: saturated logits, or an operation without a derivative"
    if probe.get("reached", 1.0) < _BOTTOM:
        yield "RH010", f"an attack over the whole box flips only {probe['reached']:.0%} of the bits: masked gradients?"
