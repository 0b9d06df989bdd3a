"""The hooks of pytest: options, the marker ``robusthash``, and the fixture ``robusthash_gate``."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_robusthash.gate import Gate

_BASELINE = "robusthash-baseline.json"
_MARKER = "robusthash"
_FIXTURE = "robusthash_gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("robusthash", "robustness of hash models")
    group.addoption("--robusthash-results", metavar="DIR", help="Folder of the records; by default in pytest's cache.")
    group.addoption("--robusthash-baseline", metavar="FILE", help=f"Baseline of drops; by default {_BASELINE}.")
    group.addoption(
        "--robusthash-update-baseline", action="store_true", help="Write what is measured into the baseline."
    )
    group.addoption("--robusthash-require-baseline", action="store_true", help="A drop without a baseline is an error.")
    group.addoption(
        "--robusthash-inconclusive",
        choices=["pass", "fail"],
        default="fail",
        help="What an inconclusive drop counts as. [fail]",
    )
    parser.addini("robusthash_baseline", "Baseline of drops, relative to the root folder.", default=_BASELINE)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker."""
    config.addinivalue_line(
        "markers",
        "robusthash(**settings): settings of the test's gates, as for robusthash.evaluate; "
        "every test that uses robusthash_gate has it, so -m 'not robusthash' leaves them out",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that use the fixture."""
    for item in items:
        if _FIXTURE in getattr(item, "fixturenames", ()) and item.get_closest_marker(_MARKER) is None:
            item.add_marker(_MARKER)


@pytest.fixture(scope="session")
def robusthash_results(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the records. A stored record is used again if nothing that could change it has changed."""
    named = pytestconfig.getoption("--robusthash-results")
    if named:
        return Path(named)
    cache = getattr(pytestconfig, "cache", None)  # absent with -p no:cacheprovider
    if cache is None:
        return tmp_path_factory.mktemp("robusthash")
    folder: Path = cache.mkdir("robusthash")
    return folder


@pytest.fixture
def robusthash_gate(request: pytest.FixtureRequest, robusthash_results: Path) -> "Gate":
    """Evaluates models and gates their robustness.

    Example::

        def test_robust(robusthash_gate, model):
            robusthash_gate(model, dataset="digits", queries=200).map("strongest").at_least(0.3)
    """
    from pytest_robusthash.gate import Gate, Setup
    from robusthash.results.gate import Undecided

    config = request.config
    named = config.getoption("--robusthash-baseline") or config.getini("robusthash_baseline")
    settings: dict[str, object] = {}
    for marker in reversed(list(request.node.iter_markers(_MARKER))):
        settings |= marker.kwargs
    setup = Setup(
        results=robusthash_results,
        baseline=config.rootpath / named,
        update=config.getoption("--robusthash-update-baseline"),
        require=config.getoption("--robusthash-require-baseline"),
        undecided=Undecided(config.getoption("--robusthash-inconclusive")),
    )
    return Gate(setup, settings)
