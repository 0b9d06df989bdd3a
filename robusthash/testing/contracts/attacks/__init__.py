"""The contract of attacks: what they deliver, that they repeat, what they learn, what they cost, and that they work.

::

    class TestMine(AttackContract):
        @pytest.fixture
        def attack(self) -> Attack:
            return Mine(steps=20)

        @pytest.fixture
        def spec(self) -> AttackSpec:
            return next(spec for spec in plugin.robusthash_attacks() if spec.name == "mine")

An attack that needs queries gets a service over a toy database. Its option ``queries``, if it has one, is checked as
the limit per image; set it to a small number.
"""

from robusthash.testing.contracts.attacks.accounting import Accounting
from robusthash.testing.contracts.attacks.delivery import Delivery
from robusthash.testing.contracts.attacks.ensembles import EnsembleContract
from robusthash.testing.contracts.attacks.learning import Learning
from robusthash.testing.contracts.attacks.losses import Losses
from robusthash.testing.contracts.attacks.repetition import Repetition
from robusthash.testing.contracts.attacks.strength import Strength

__all__ = ["AttackContract", "EnsembleContract", "GradientAttackContract"]


class AttackContract(Delivery, Repetition, Learning, Accounting, Strength):
    """The contract of attacks. Override the fixtures ``attack`` and ``spec``."""


class GradientAttackContract(Losses, AttackContract):
    """The contract of gradient attacks: that of attacks, and that of their loss. Override ``attack`` and ``spec``."""
