"""Names of the step rules."""

from enum import StrEnum

from robusthash.adversary.adaptive import Adaptive
from robusthash.adversary.rules import Adam, L2Unit, Momentum, Raw, Sign, StepRule


class Step(StrEnum):
    """Names of the step rules."""

    SIGN = "sign"  #: size * sign(g); the usual PGD
    L2_UNIT = "l2-unit"  #: size * g / ||g||_2, with a norm per sample; P2P and DHTA as released
    RAW = "raw"  #: size * g
    MOMENTUM = "momentum"  #: size * v with v = 0.9 v + g; HAG
    ADAM = "adam"  #: Adam with size as its learning rate; SDHA
    ADAPTIVE = "adaptive"  #: sign steps with momentum whose size follows the loss; Auto-PGD

    @property
    def share(self) -> float:
        """Default step size, as a share of epsilon."""
        return _RULES[self].share


_RULES: dict[Step, type[StepRule]] = {
    Step.SIGN: Sign,
    Step.L2_UNIT: L2Unit,
    Step.RAW: Raw,
    Step.MOMENTUM: Momentum,
    Step.ADAM: Adam,
    Step.ADAPTIVE: Adaptive,
}


def step_rule(name: Step, *, size: float, steps: int) -> StepRule:
    """A new step rule, without state.

    Args:
        name: of the rule.
        size: step size, in the inputs' units; of the first step if the rule changes it.
        steps: number of steps.
    """
    return _RULES[name](size=size, steps=steps)
