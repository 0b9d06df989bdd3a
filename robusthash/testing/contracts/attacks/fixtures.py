"""The fixtures that the tests of an attack use, and the attributes that declare what is particular to it."""

import pytest

from robusthash.contracts import Attack, AttackBatch, AttackContext, HashModel, Norm, Radius
from robusthash.specs import AttackSpec, Distance
from robusthash.testing.contracts.attacks.worlds import LENGTHS, fitted
from robusthash.testing.contracts.objects import PluginObjectContract
from robusthash.testing.victims import TAGS, DescriptorVictim, SmallVictim, TextVictim, toy_batch


class AttackFixtures(PluginObjectContract):
    """Fixtures of the contract of attacks.

    Attributes:
        equal_pixels: smallest share of pixels that must not change with the batch size: another batch shape changes
            the low-order bits of the kernels, and steps may amplify them.
        beats_noise: whether it moves codes further than uniform noise of the same epsilon; False for a baseline.
    """

    equal_pixels = 0.999
    beats_noise = True

    @pytest.fixture
    def attack(self) -> Attack:
        """The attack under test; a subclass overrides this."""
        pytest.skip("override the fixture `attack` in a subclass")

    @pytest.fixture
    def spec(self) -> AttackSpec | None:
        """The spec of the attack; a subclass overrides this."""
        return None

    @pytest.fixture
    def plugin_object(self, attack: Attack) -> object:
        """The attack."""
        return attack

    @pytest.fixture
    def victim(self, attack: Attack) -> HashModel:
        """A victim of toy images, 3 x 16 x 16, or of toy tags, if the attack edits these.

        It gives codes, unless the attack works on descriptors alone.
        """
        if all(norm.counts for norm in attack.norms):
            return TextVictim(box=TAGS)
        return SmallVictim() if Distance.HAMMING in attack.distances else DescriptorVictim()

    @pytest.fixture
    def radii(self, attack: Attack) -> tuple[Radius, ...]:
        """Radii of the threats that the attack works within, the second one that of the context."""
        if Norm.LINF in attack.norms:
            return tuple(Radius(size=size) for size in (1 / 255, 8 / 255, 0.032))
        if Norm.L2 in attack.norms:
            return LENGTHS
        return tuple(Radius.edits(count, norm) for norm in sorted(attack.norms) for count in (1, 3, 6))

    @pytest.fixture
    def context(self, attack: Attack, victim: HashModel, radii: tuple[Radius, ...]) -> AttackContext:
        """A context with the victim as surrogate, and what the attack learnt on it; one budget counts everything."""
        return fitted(attack, victim, radii[1])

    @pytest.fixture
    def batch(self, victim: HashModel) -> AttackBatch:
        """Twelve queries."""
        return toy_batch(victim)
