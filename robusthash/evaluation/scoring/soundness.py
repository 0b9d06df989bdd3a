"""Soundness checks: signs that a number says more about the evaluation than about the model. The ids are stable."""

from collections.abc import Iterator, Mapping

from robusthash.contracts import Threat
from robusthash.results import ADVERSARIAL, CLEAN, Against, AttackUse, Flag, Measure, Record
from robusthash.specs import Norm

_TITLES = {Norm.LINF: "L-infinity", Norm.L2: "L2"}
_ALIVE = 0.9  #: share of the images that must have a gradient
_BOTTOM = 0.5  #: share of the bits that an attack over the whole box must flip; random codes differ in as many


def soundness(
    record: Record,
    reference: Record | None,
    *,
    farthest: float,
    gradients: bool,
    bounded: bool,
    all_equal: bool,
) -> Iterator[Flag]:
    """The failed checks of a record.

    ========  ================================================================
    RH001     a delivered input is outside the ball
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
    RH019     the index returned fewer items than it was asked for
    ========  ================================================================

    RH011 to RH013 compare records (:mod:`robusthash.results.comparing.consistency`), RH016 to RH018 are of the data
    (:mod:`robusthash.evaluation.scoring.data_flags`).

    Args:
        record: with all of its numbers.
        reference: record of the reference attack on the same victim with the same radius; None if there is none.
        farthest: largest distance between delivered and clean inputs, in the threat's norm.
        gradients: whether the attack uses gradients.
        bounded: whether the attack stays within its radius.
        all_equal: whether all items of the database have the same code or descriptor.
    """
    attack, outcome = record.attack, record.outcome
    threat, probe = Threat(epsilon=attack.epsilon, norm=attack.norm), outcome.probe
    clean, attacked = record.measure(CLEAN).value, record.measure(ADVERSARIAL).value
    if not bounded:
        yield Flag(id="RH006", message=f"unbounded: not limited to {_told(attack.epsilon, attack)}, and not ranked")
    elif farthest > threat.epsilon + threat.tolerance:
        yield Flag(id="RH001", message=f"{_told(farthest, attack)} is over {_told(attack.epsilon, attack)}")
    if bounded and threat.epsilon == 0 and attacked != clean:
        yield Flag(id="RH002", message=f"{attack.radius.told}, but {clean:.3f} became {attacked:.3f}")
    masked = gradients and attack.surrogate is None  # whether weakness may come from the victim's gradients
    if masked and threat.epsilon > 0:
        yield from _of_the_strength(record, reference)
    if outcome.imagery["clipped"] > 0:
        yield Flag(id="RH005", message=f"{outcome.imagery['clipped']:.2%} of the elements were clipped by the guard")
    if masked:
        yield from _of_the_gradients(probe)
    if all_equal:
        yield Flag(id="RH014", message="all codes of the database are equal: the model does not distinguish its inputs")
    batched = probe.get("batched", 0.0)
    if batched > 0:
        yield Flag(
            id="RH015", message=f"batch-dependent: {batched:.0%} of the logits change with the batch: batch norm?"
        )
    yield from _of_the_lists(record)
    randomised = probe.get("randomised", 0.0)
    if randomised > 0:
        how = f"attacked through {attack.passes} passes" if attack.passes > 1 else "attacked as if it were not"
        yield Flag(id="RH008", message=f"randomised: {randomised:.0%} of the logits change from pass to pass; {how}")


def _of_the_lists(record: Record) -> Iterator[Flag]:
    returned = {stage: outcome["returned"] for stage, outcome in record.outcome.search.items() if "returned" in outcome}
    least = min(returned.values(), default=1.0)
    if least < 1:
        short = ", ".join(f"{share:.0%} ({stage})" for stage, share in returned.items() if share < 1)
        yield Flag(id="RH019", message=f"the index returned fewer items than it was asked for: {short}; search wider")


def _told(distance: float, attack: AttackUse) -> str:
    return f"{attack.norm} {distance:g}" if attack.norm.counts else f"{_TITLES[attack.norm]} {distance:.5f}"


def _of_the_strength(record: Record, reference: Record | None) -> Iterator[Flag]:
    attacked = record.measure(ADVERSARIAL).value
    targeted = record.attack.against is Against.TARGET
    # The reference is untargeted, so a targeted attack is compared with the clean queries on the same targets.
    if targeted:
        beside: Measure | None = record.measure(CLEAN)
    else:
        beside = reference.measure(metric=record.scoring.headline) if reference else None
    if beside is not None and (beside.value - attacked if targeted else attacked - beside.value) > 0:
        found = f"{attacked:.3f} against {beside.value:.3f}"
        yield Flag(id="RH003", message=f"weaker than noise ({found}): masked gradients?")
    if record.outcome.imagery[record.victim.model.distance] == 0:
        still = "no query changed: the radius is below one level" if record.outcome.imagery.get("linf") == 0 else None
        found = still or "no code or descriptor of any query changed: gradients are zero or masked"
        yield Flag(id="RH004", message=found)


def _of_the_gradients(probe: Mapping[str, float]) -> Iterator[Flag]:
    alive = probe.get("gradients", 1.0)
    if alive < _ALIVE:
        dead = f"{1 - alive:.0%} of the images have a gradient of zero"
        if probe.get("stepped", 0.0) > 1 - _ALIVE and probe.get("saturated", 0.0) < _ALIVE:
            yield Flag(
                id="RH009", message=f"{dead}: the model quantises its input, so attack it through an approximation"
            )
        else:
            yield Flag(id="RH007", message=f"{dead}: saturated logits, or an operation without a derivative")
    if probe.get("reached", 1.0) < _BOTTOM:
        yield Flag(
            id="RH010",
            message=f"an attack over the whole box flips only {probe['reached']:.0%} of the bits: masked gradients?",
        )
