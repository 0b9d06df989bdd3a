"""Scoring again gives the record that an evaluation with those metrics would have made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robusthash.errors import InputError, OptionError
from robusthash.evaluation import Request, RunSettings, evaluate, rescore
from robusthash.host import PluginHost
from robusthash.results import ResultStore

pytestmark = pytest.mark.usefixtures("cache")

SETTING = RunSettings(
    queries=12,
    shard_size=8,
    qualities=(60,),
    options={"train": {"epochs": "3"}, "rnm": {"steps": "5"}, "rnm-p2s": {"steps": "5"}},
)
REQUEST = Request(models=("dpsh",), attacks=("rnm", "rnm-p2s"), epsilons=(0.1,), setting=SETTING)
METRICS = ("map@1000", "precision@r2")


@pytest.fixture(scope="module")
def folder(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    evaluate(REQUEST, host, results=folder)
    return folder


def test_scoring_again_is_evaluating_again(folder: Path, host: PluginHost, tmp_path: Path) -> None:
    records = ResultStore(folder).load_all()[0]
    again = rescore(records, RunSettings(metrics=METRICS, retriever="torch"), host, results=folder)
    setting = replace(SETTING, metrics=METRICS, retriever="torch")
    expected = evaluate(replace(REQUEST, setting=setting), host, results=tmp_path).records
    found = {record.digest: record for record in again}
    store, other = ResultStore(folder), ResultStore(tmp_path)
    assert found.keys() == {record.digest for record in expected}
    for record in expected:
        assert found[record.digest].reproducible() == record.reproducible()
        arrays, others = store.arrays(found[record.digest]).to_arrays(), other.arrays(record).to_arrays()
        assert arrays.keys() == others.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, others[name], err_msg=name)


def test_what_was_scored_before_is_not_scored_again(folder: Path, host: PluginHost) -> None:
    records = ResultStore(folder).load_all()[0]
    first = rescore(records, RunSettings(metrics=METRICS), host, results=folder)
    assert rescore(records, RunSettings(metrics=METRICS), host, results=folder) == first
    everything = ResultStore(folder).load_all()[0]
    assert len(everything) > len(records)
    assert rescore(everything, RunSettings(metrics=METRICS), host, results=folder) == first  # each cell once


def test_an_option_of_nothing_in_use_is_refused(folder: Path, host: PluginHost) -> None:
    records = ResultStore(folder).load_all()[0]
    with pytest.raises(OptionError, match="rnm"):
        rescore(records, RunSettings(options={"rnm": {"steps": "3"}}), host, results=folder)


def test_a_missing_database_is_told(folder: Path, host: PluginHost) -> None:
    store = ResultStore(folder)
    record = store.load_all()[0][0]
    path = next(store.path_of(record).parent.glob("database-*.npz"))
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(InputError, match="database-"):
        rescore([record], RunSettings(metrics=("map@5000",)), host, results=folder)
    path.write_bytes(content)
