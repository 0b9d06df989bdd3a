"""A cell that is made again from its record is the same cell: every setting is in the record, or is asked for."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from robusthash.errors import InputError
from robusthash.evaluation import Given, Request, RunSettings, evaluate, rebuilt
from robusthash.evaluation.rebuilding.settings import settings_of
from robusthash.host import PluginHost
from robusthash.metrics import by_name
from robusthash.results import PluginUse, QueryArrays, Record, ResultStore
from robusthash.specs import Precision, Relevance

pytestmark = pytest.mark.usefixtures("cache")

#: A setting in which no field has its default, beside those of files.
SETTING = RunSettings(
    dataset="digits",
    image_size=12,
    queries=6,
    backbone="small-cnn",
    retriever="torch",
    metrics=("map@1000", "map"),
    relevance=Relevance.EXACT,
    options={"train": {"epochs": 2}, "rnm": {"steps": 3}, "small-cnn": {"width": 8}},
    seed=3,
    shard_size=4,
    device="cpu",
    qualities=(60,),
    precision=Precision.BF16,
)
REQUEST = Request(models=("dpsh",), attacks=("rnm",), bits=(16,), epsilons=(0.1,), setting=SETTING)

#: How each field of the settings comes back: from the record, or from whoever reproduces it. A new field needs a line.
HELD = {
    "dataset": "record",
    "data_root": "asked",  # a path of one machine; the data is known by its digest
    "image_size": "record",
    "queries": "record",
    "backbone": "model",  # of the model's origin, since a training has settings of its own
    "weights": "model",
    "checkpoint": "asked",  # known by its digest
    "retriever": "record",
    "metrics": "record",
    "relevance": "record",
    "score_by": "record",
    "options": "record",
    "seed": "record",
    "shard_size": "record",
    "device": "record",
    "qualities": "record",
    "precision": "record",
    "compiled": "record",
}


@pytest.fixture(scope="module")
def record(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return evaluate(REQUEST, host, results=tmp_path_factory.mktemp("results")).records[-1]


def test_each_setting_is_in_the_record_or_asked_for(record: Record, host: PluginHost) -> None:
    assert HELD.keys() == {field.name for field in fields(RunSettings)}, "decide how reproduce gets a new setting"
    again = settings_of(record, Given(), host)
    for name, how in HELD.items():
        if how == "record" and name not in ("metrics", "options"):
            assert getattr(again, name) == getattr(SETTING, name), name
    metrics = [metric for metric in again.metrics if not isinstance(metric, str)]
    assert list(by_name(metrics)) == ["map@1000", "map"]
    assert again.options["attack:rnm"]["steps"] == 3


def test_the_same_cell_is_made_again(record: Record, host: PluginHost, tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    path = store.save(record, QueryArrays())
    stored = Record.from_json(path.read_text(), str(path))
    assert stored == record
    with rebuilt(stored, host) as found:
        assert found.deviations == ()
        assert found.same().record.digest == record.digest
        assert found.same().record.origins == record.origins


def test_what_is_another_is_told(record: Record, host: PluginHost) -> None:
    model = replace(record.victim.model, digest="0" * 64)
    other = replace(record, victim=replace(record.victim, model=model))
    with rebuilt(other, host) as found, pytest.raises(InputError, match="weights of the victim"):
        found.same()
    moved = replace(record, dataset=replace(record.dataset, query_digest="0" * 64))
    with rebuilt(moved, host) as found:
        assert found.cell is None
        assert [one.what for one in found.deviations] == ["attacked queries"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"attack": PluginUse(name="rnm", owner="in memory mine:RNM")}, "passed as an object"),
        ({"attack": PluginUse(name="rnm", owner="not-here 1.0")}, "not installed"),
    ],
)
def test_what_is_not_installed_is_asked_for(
    record: Record, host: PluginHost, change: dict[str, PluginUse], match: str
) -> None:
    use = change["attack"]
    other = replace(record, attack=replace(record.attack, name=use.name, owner=use.owner))
    with pytest.raises(InputError, match=match), rebuilt(other, host):
        pass
