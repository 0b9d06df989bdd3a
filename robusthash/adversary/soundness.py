"""Soundness checks: signs that a number says more about the evaluation than about the model. Their ids are stable."""

from collections.abc import Iterator
from dataclasses import dataclass

from robusthash.contracts import Threat
from robusthash.specs import Goal


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the checks look at.

    Attributes:
        goal: of the attack.
        threat: that the attack was held to.
        linf: largest distance of a delivered image from its clean one.
        clipped: mean share of elements that the attack left outside the ball or the box.
        clean: headline metric of the clean queries; for targeted attacks, with respect to the target labels.
        attacked: the same after the attack.
        noise: the same after noise of the same radius; None where noise was not run.
        moved: mean Hamming distance between clean and adversarial codes.
        gradients: whether the attack works with gradients.
        bounded: whether the attack is held to the ball.
    """

    goal: Goal
    threat: Threat
    linf: float
    clipped: float
    clean: float
    attacked: float
    noise: float | None
    moved: float
    gradients: bool
    bounded: bool = True


def soundness(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The checks that failed: (id, one line).

    ========  =====================================================
    RH001     a delivered image is outside the ball
    RH002     epsilon is 0, and the score is not the clean one
    RH003     a gradient attack is weaker than noise of its radius
    RH004     a gradient attack moved no bit at all
    RH005     the attack left the ball or the box and was clipped
    RH006     the attack is not held to the ball: not comparable
    ========  =====================================================
    """
    threat = evidence.threat
    if not evidence.bounded:
        yield "RH006", f"unbounded: not held to epsilon {threat.epsilon:.5f}, and not ranked"
    elif evidence.linf > threat.epsilon + threat.tolerance:
        yield "RH001", f"L-infinity {evidence.linf:.5f} is over epsilon {threat.epsilon:.5f}"
    if evidence.bounded and threat.epsilon == 0 and evidence.attacked != evidence.clean:
        yield "RH002", f"epsilon is 0, but {evidence.clean:.3f} became {evidence.attacked:.3f}"
    if evidence.gradients and evidence.noise is not None and threat.epsilon > 0:
        gain = evidence.attacked - evidence.noise
        if (gain if evidence.goal is Goal.UNTARGETED else -gain) > 0:
            yield (
                "RH003",
                f"weaker than noise ({evidence.attacked:.3f} against {evidence.noise:.3f}): masked gradients?",
            )
    if evidence.gradients and threat.epsilon > 0 and evidence.moved == 0:
        yield "RH004", "no bit of any query moved: gradients are zero or masked"
    if evidence.clipped > 0:
        yield "RH005", f"{evidence.clipped:.2%} of the elements were clipped by the guard"
