"""Names of the step rules."""

from enum import StrEnum

from robusthash.adversary.adaptive import Adaptive, AdaptiveL2, Fine, FineL2
from robusthash.adversary.rules import Adam, L2Unit, Momentum, Raw, Sign, StepRule
from robusthash.contracts import Norm, Threat


class Step(StrEnum):
    """Names of the step rules."""

    SIGN = "sign"  #: size * sign(g), the steepest step in L-infinity; in L2, where l2-unit is the steepest, that
    L2_UNIT = "l2-unit"  #: size * g / ||g||_2, with a norm per sample; P2P and DHTA as released
    RAW = "raw"  #: size * g
    MOMENTUM = "momentum"  #: size * v with v = 0.9 v + g; HAG
    ADAM = "adam"  #: Adam with size as its learning rate; SDHA
    ADAPTIVE = "adaptive"  #: sign steps, in L2 unit steps, with momentum; their size follows the loss: Auto-PGD
    FINE = "fine"  #: adaptive, from a small step on: for a start that is good already

    @property
    def share(self) -> float:
        """Default step size, as a share of the radius."""
        return _RULES[self].share

    @property
    def adapts(self) -> bool:
        """Whether its size follows the loss, and it has a momentum of its own."""
        return issubclass(_RULES[self], Adaptive)


_RULES: dict[Step, type[StepRule]] = {
    Step.SIGN: Sign,
    Step.L2_UNIT: L2Unit,
    Step.RAW: Raw,
    Step.MOMENTUM: Momentum,
    Step.ADAM: Adam,
    Step.ADAPTIVE: Adaptive,
    Step.FINE: Fine,
}


#: The rules that differ in L2.
_L2_RULES: dict[Step, type[StepRule]] = {**_RULES, Step.SIGN: L2Unit, Step.ADAPTIVE: AdaptiveL2, Step.FINE: FineL2}


def usual_size(name: Step, threat: Threat, elements: int) -> float:
    """The default step size of a rule, in the inputs' units: a share of the radius.

    Args:
        name: of the rule.
        threat: the ball and the box.
        elements: number of an input's elements.

    >>> usual_size(Step.SIGN, Threat(epsilon=0.4), 100), usual_size(Step.SIGN, Threat(epsilon=4, norm=Norm.L2), 100)
    (0.05, 0.5)
    """
    rule = _rule(name, threat.norm)
    return rule.share * (threat.even(elements) if rule.each else threat.radius)


def step_rule(name: Step, *, size: float, steps: int, norm: Norm = Norm.LINF) -> StepRule:
    """A new step rule, without state.

    Args:
        name: of the rule.
        size: step size, in the inputs' units; of the first step if the rule changes it.
        steps: number of steps.
        norm: of the threat, which decides what is steepest.
    """
    return _rule(name, norm)(size=size, steps=steps)


def _rule(name: Step, norm: Norm) -> type[StepRule]:
    return (_L2_RULES if norm is Norm.L2 else _RULES)[name]
