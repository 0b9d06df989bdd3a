"""What an ensemble promises: members that can be judged beside one another, and needs that are theirs."""

import pytest

from robusthash.contracts import Attack, Ensemble
from robusthash.errors import ContractError
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.host import PluginHost
from robusthash.options import as_plain
from robusthash.specs import AttackSpec
from robusthash.testing.contracts.objects import PluginObjectContract
from robusthash.testing.victims import SmallVictim, toy_batch, toy_context


class EnsembleContract(PluginObjectContract):
    """The contract of ensembles. Override the fixtures ``ensemble`` and ``spec``; the members have to be installed."""

    @pytest.fixture
    def ensemble(self) -> Ensemble:
        """The ensemble under test; a subclass overrides this."""
        pytest.skip("override the fixture `ensemble` in a subclass")

    @pytest.fixture
    def spec(self) -> AttackSpec | None:
        """The spec of the ensemble; a subclass overrides this."""
        return None

    @pytest.fixture
    def plugin_object(self, ensemble: Ensemble) -> object:
        """The ensemble."""
        return ensemble

    def test_members_can_be_judged_beside_one_another(self, ensemble: Ensemble) -> None:
        """They are registered, bounded, and of its goal; none is an ensemble, and each has the options it is given."""
        members = _members(ensemble)
        assert len(members) == len(set(ensemble.members))
        for name, member in zip(ensemble.members, members, strict=True):
            assert set(ensemble.given(name)) <= set(as_plain(member)), f"options that {name} does not have"

    def test_it_needs_what_its_members_need(self, ensemble: Ensemble, spec: AttackSpec | None) -> None:
        """No less, or a member would miss it; and no more, or it would be refused where it works."""
        assert ensemble.needs == frozenset().union(*(member.needs for member in _members(ensemble)))
        if spec is not None:
            assert (spec.needs, spec.goals) == (ensemble.needs, frozenset({ensemble.goal}))

    def test_it_works_where_all_its_members_do(self, ensemble: Ensemble, spec: AttackSpec | None) -> None:
        """Its distances and norms are among those of each member."""
        for member in _members(ensemble):
            assert ensemble.distances <= member.distances
            assert ensemble.norms <= member.norms
        if spec is not None:
            assert (spec.distances, spec.norms) == (ensemble.distances, ensemble.norms)

    def test_the_host_runs_it(self, ensemble: Ensemble) -> None:
        """It has at least one try, and no perturbation of its own."""
        assert ensemble.restarts >= 1
        assert ensemble.broken >= 0
        victim = SmallVictim()
        with pytest.raises(ContractError, match="no perturbation of its own"):
            ensemble.perturb(toy_batch(victim), toy_context(victim))


def _members(ensemble: Ensemble) -> list[Attack]:
    """Its members, with the options that it gives them.

    Raises:
        RobustHashError: one is not registered, cannot be judged beside the others, or is given a wrong value.
    """
    plugins = Plugins(PluginHost.load(), {})
    plugins.attack(ensemble)
    return [member.plugin for member in plugins.members(ensemble)]
