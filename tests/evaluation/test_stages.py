"""What an evaluation stores beside the plain scores: JPEG stages, traces, sweeps, and what the retriever found."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.errors import OptionError
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.trace import Trace, joined
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.hashing import pack
from robusthash.host import PluginHost
from robusthash.results import Record, ResultStore
from tests.suites import read_suite

pytestmark = pytest.mark.usefixtures("cache")

TRAINED = {"train": {"epochs": "3"}}
SETTING = RunSettings(queries=12, shard_size=8, options={**TRAINED, "rnm": {"steps": "6"}})
REQUEST = Request(models=("dpsh",), attacks=("rnm",), epsilons=(0.1,), setting=SETTING)


def last(request: Request, host: PluginHost, folder: Path) -> tuple[Record, dict[str, np.ndarray]]:
    """The last record of an evaluation, and its arrays."""
    outcome = evaluate(request, host, results=folder)
    assert not outcome.failures, outcome.failures
    return outcome.records[-1], ResultStore(folder).arrays(outcome.records[-1]).to_arrays()


def test_jpeg_is_what_pillow_makes_of_the_delivered_images(
    host: PluginHost, tmp_path: Path, last_cell: Callable[[Request], PreparedCell]
) -> None:
    setting = replace(SETTING, qualities=(40,))
    record, arrays = last(replace(REQUEST, setting=setting), host, tmp_path)
    job = last_cell(replace(REQUEST, setting=setting)).job
    crafted = craft(job, range(8))
    for stage, images in (("clean-jpeg-40", crafted.clean), ("jpeg-40", crafted.adversarial.inputs)):
        decoded = torch.stack([_through_jpeg(image, 40) for image in images])
        np.testing.assert_array_equal(arrays[stage][:8], pack(job.victim.codes(decoded)).numpy())
    assert list(record.outcome.metrics) == ["clean", "adversarial", "unrounded", "clean-jpeg-40", "jpeg-40"]
    assert (arrays["jpeg-40"] != arrays["adversarial"]).any()
    with pytest.raises(OptionError, match="JPEG"):
        RunSettings(qualities=(0,))


def _through_jpeg(image: torch.Tensor, quality: int) -> torch.Tensor:
    buffer = io.BytesIO()
    levels = (image * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(levels).save(buffer, format="JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1).float() / 255


def test_the_trace_ends_at_what_is_delivered(host: PluginHost, tmp_path: Path) -> None:
    record, arrays = last(REQUEST, host, tmp_path)
    trace = arrays["trace"]
    assert trace.shape == (12, 7)
    assert (np.diff(trace, axis=1) <= 0).all()  # the best so far
    np.testing.assert_array_equal(trace[:, 0], record.victim.model.bits)  # the aim is the opposite of the own code
    np.testing.assert_array_equal(trace[:, -1], record.victim.model.bits - arrays["hamming"])


def test_a_query_that_is_no_longer_told_of_keeps_its_distance() -> None:
    trace = Trace()
    trace(torch.tensor([7, 3]), 0, torch.tensor([5, 9]))
    trace(torch.tensor([3]), 1, torch.tensor([4]))
    trace(torch.tensor([3]), 3, torch.tensor([2]))
    matrix = trace.matrix(torch.tensor([7, 3]))
    assert matrix is not None
    assert matrix.tolist() == [[5, 5, 5, 5], [9, 4, 4, 2]]
    assert Trace().matrix(torch.tensor([1])) is None
    together = joined([matrix, np.array([[6, 1]], dtype=np.int16)])
    assert together is not None
    assert together.tolist() == [[5, 5, 5, 5], [9, 4, 4, 2], [6, 1, 1, 1]]
    assert joined([]) is None


def test_options_are_swept_over(host: PluginHost, tmp_path: Path) -> None:
    sweep = replace(REQUEST, vary={"rnm": {"steps": ("2", "4"), "step": ("sign", "adaptive")}})
    records = evaluate(sweep, host, results=tmp_path).records[1:]
    options = [(record.attack.options["steps"], record.attack.options["step"]) for record in records]
    assert options == [(2, "sign"), (2, "adaptive"), (4, "sign"), (4, "adaptive")]
    assert len({record.digest for record in records}) == 4
    single = replace(REQUEST, setting=replace(SETTING, options={**TRAINED, "rnm": {"steps": "4"}}))
    assert evaluate(single, host, results=tmp_path).reused >= {records[2].digest}


def test_a_sweep_over_nothing_in_use_is_refused(host: PluginHost, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="hag"):
        replace(REQUEST, vary={"hag": {"steps": ("2",)}})
    with pytest.raises(OptionError, match="steps"):
        evaluate(replace(REQUEST, vary={"rnm": {"stepz": ("2",)}}), host, results=tmp_path)


def test_a_suite_holds_surrogates_sweeps_and_qualities(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        'models = ["dpsh"]\nsurrogates = ["hashnet"]\nattacks = ["rnm"]\nqualities = [75]\nprecision = "bf16"\n\n'
        "[vary.rnm]\nsteps = [1, 2]\n"
    )
    request = read_suite(suite)
    assert (request.surrogates, request.vary) == (("hashnet",), {"rnm": {"steps": ("1", "2")}})
    assert (request.setting.qualities, str(request.setting.precision)) == ((75,), "bf16")
    suite.write_text('models = ["dpsh"]\nprecision = "fp8"\n')
    with pytest.raises(OptionError, match="bf16"):
        read_suite(suite)


def test_an_approximate_retriever_is_told_from_an_exact_one(host: PluginHost, tmp_path: Path) -> None:
    exact, _ = last(REQUEST, host, tmp_path)
    options = {**SETTING.options, "faiss-ivf": {"nlist": "64", "nprobe": "1"}}
    setting = replace(SETTING, retriever="faiss-ivf", options=options)
    approximate, arrays = last(replace(REQUEST, setting=setting), host, tmp_path)
    assert set(exact.outcome.search) == {"clean", "adversarial", "unrounded"}
    assert all(found["recall@100"] == 1 for found in exact.outcome.search.values())
    assert 0 < approximate.outcome.search["adversarial"]["recall@100"] < 1
    assert exact.outcome.metrics == approximate.outcome.metrics  # they come from all distances
    relevant = arrays["labels"].argmax(1)
    database = ResultStore(tmp_path).database(approximate)["labels"].argmax(1)
    hits = database[arrays["clean/neighbours"]] == relevant[:, None]
    assert approximate.outcome.search["clean"]["precision@100"] == pytest.approx(hits.mean())
