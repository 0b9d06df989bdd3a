"""Every registered plugin object has a contract that `plugins test` finds, or a reason why it has none."""

import pytest

from robusthash.host import PluginHost, PluginKind
from robusthash.testing.installed.process import Selection
from robusthash.testing.installed.selecting import cases


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("dpsh", "ObjectiveContract"),
        ("dcmh", "CrossModalObjectiveContract"),
        ("itq", "ClosedFormContract"),
        ("features", "DescriptorContract"),
        ("small-cnn", "BackboneContract"),
        ("words-mlp", "TextBackboneContract"),
        ("rnm", "GradientAttackContract"),
        ("noise", "AttackContract"),
        ("strongest", "EnsembleContract"),
        ("pairs-digits", "DatasetContract"),
    ],
)
def test_the_contract_is_that_of_the_object(name: str, contract: str) -> None:
    (found,), untested = cases(PluginHost.load(), Selection(name=name))
    assert found.about.contract == contract
    assert not untested


@pytest.mark.parametrize("distribution", ["robusthash-crossmodal", "robusthash-defenses", "robusthash-faiss"])
def test_a_whole_distribution_is_tested(distribution: str) -> None:
    host = PluginHost.load()
    found, untested = cases(host, Selection(name=distribution))
    registered = {
        one.spec.name for kind in PluginKind for one in host.all(kind) if one.owner.distribution == distribution
    }
    observers = {case.about.name for case in found if case.about.kind == "observer"}
    assert {case.about.name for case in found} - observers | set(untested) == registered
