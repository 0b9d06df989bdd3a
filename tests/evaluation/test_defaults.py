"""What a request leaves open: the dataset that its models suggest, and the directions that they are evaluated in."""

from dataclasses import replace

import pytest

from robusthash.errors import UsageError
from robusthash.evaluation import Request, RunSettings
from robusthash.evaluation.planning.defaults import settled
from robusthash.evaluation.planning.plan import Known, plan
from robusthash.host import PluginHost
from robusthash.specs import Direction
from robusthash.testing import LinearVictim

PLUGIN = """
from robusthash import hookimpl
from robusthash.specs import ModelSpec

@hookimpl
def robusthash_models():
    for name, dataset in (("plain", None), ("pairs", "with-texts"), ("more", "with-texts"), ("odd", "another")):
        yield ModelSpec(name=name, factory="nowhere:Nothing", summary="A model", dataset=dataset)
"""


@pytest.fixture
def host(site) -> PluginHost:  # type: ignore[no-untyped-def]  # conftest's
    site.install("suggesting", PLUGIN)
    return PluginHost.load(entry_points=site.entry_points())


def request(*models: object, dataset: str = "auto", surrogates: tuple[str, ...] = ()) -> Request:
    return Request(models=models, surrogates=surrogates, setting=RunSettings(dataset=dataset))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "dataset"),
    [
        (request("plain"), "digits"),
        (request("pairs"), "with-texts"),
        (request("plain", "pairs", "more"), "with-texts"),
        (request("plain", surrogates=("pairs",)), "with-texts"),
        (request("pairs", dataset="digits"), "digits"),
        (request("pairs", "odd", dataset="digits"), "digits"),
        (request("model.py:build"), "digits"),
        (request(LinearVictim()), "digits"),
    ],
)
def test_a_run_that_names_no_dataset_takes_what_its_models_suggest(
    asked: Request, dataset: str, host: PluginHost
) -> None:
    found = settled(asked, host)
    assert found.setting.dataset == dataset
    assert replace(found, setting=asked.setting) == asked


def test_models_that_suggest_different_ones_need_a_name(host: PluginHost) -> None:
    with pytest.raises(UsageError, match="pairs with-texts, odd another"):
        settled(request("pairs", "odd"), host)


KNOWN = Known(
    epsilon=0.3,
    directions=tuple(Direction),
    reference="noise",
    yardsticks={},
    sizes={},
    usual={"pairs": (Direction.I2T, Direction.T2I)},
)


@pytest.mark.parametrize(
    ("directions", "found"),
    [
        ((), {"plain": [Direction.I2I], "pairs": [Direction.I2T, Direction.T2I]}),
        ((Direction.T2T,), {"plain": [Direction.T2T], "pairs": [Direction.T2T]}),
    ],
)
def test_each_model_has_its_usual_directions(
    directions: tuple[Direction, ...], found: dict[str, list[Direction]]
) -> None:
    asked = replace(request("plain", "pairs"), attacks=("hinge",), directions=directions)
    cells = plan(asked, KNOWN)
    for name, ways in found.items():
        assert [cell.direction for cell in cells if cell.victim.model == name and cell.attack == "hinge"] == ways
