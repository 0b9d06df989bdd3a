"""Models that no gradient step makes: closed forms as ordinary networks, ready hashes as black boxes."""

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from robusthash.cli import group
from robusthash.contracts import ClosedForm, Objective, ReadyModel
from robusthash.errors import CapabilityError, CheckpointError, ContractError, UsageError
from robusthash.evaluation import Processes, Request, RunSettings, evaluate, train_victim
from robusthash.evaluation.planning.plan import Known, VictimPlan, plan
from robusthash.evaluation.running.preparing.checking import known
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost, PluginKind
from robusthash.results import Access, Record, ResultStore, build_leaderboard
from robusthash.specs import Direction
from robusthash.training import load_checkpoint

pytest.importorskip("imagehash", reason="the black box of these tests is ImageHash's")
pytestmark = pytest.mark.usefixtures("cache")

SETTING = RunSettings(
    queries=12,
    shard_size=8,
    options={"train": {"epochs": "3"}, "hinge": {"steps": "5"}, "square": {"queries": "30"}},
)
GRID = Request(
    models=("dpsh", "phash"), surrogates=("dpsh",), attacks=("hinge", "square"), epsilons=(0.2,), setting=SETTING
)


@pytest.fixture(scope="module")
def grid(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Record], ResultStore]:
    folder = tmp_path_factory.mktemp("grid")
    outcome = evaluate(GRID, host, results=folder)
    assert not outcome.failures
    return outcome.records, ResultStore(folder)


def one(records: list[Record], model: str, attack: str) -> Record:
    (found,) = [record for record in records if (record.victim.model.name, record.attack.name) == (model, attack)]
    return found


# --- ready models -----------------------------------------------------------------------------------------------------


def test_a_black_box_stands_beside_a_network_on_one_leaderboard(grid: tuple[list[Record], ResultStore]) -> None:
    records = grid[0]
    (section,) = build_leaderboard(records).sections
    rows = {(row.model, row.label): row for row in section.rows if row.rank is not None}
    assert {key: row.access for key, row in rows.items()} == {
        ("dpsh 32 bit", "hinge"): Access.WHITE_BOX,
        ("dpsh 32 bit", "square"): Access.QUERIES,
        ("phash 64 bit", "hinge from dpsh 32 bit"): Access.TRANSFER,
        ("phash 64 bit", "square"): Access.QUERIES,
    }
    (matrix,) = section.transfers
    assert (matrix.surrogates, matrix.victims) == (("dpsh 32 bit",), ("dpsh 32 bit", "phash 64 bit"))


def test_a_black_box_is_scored_on_its_own_code(grid: tuple[list[Record], ResultStore]) -> None:
    records, store = grid
    crafted, scored = one(records, "dpsh", "hinge"), one(records, "phash", "hinge")
    assert scored.victim.model.bits == 64
    assert scored.attack.surrogate is not None
    assert scored.attack.surrogate.digest == crafted.victim.model.digest
    there, here = store.arrays(crafted).to_arrays(), store.arrays(scored).to_arrays()
    np.testing.assert_array_equal(there["pixels"], here["pixels"])
    assert here["clean"].shape == (12, 8)
    assert there["clean"].shape == (12, 4)
    moved = np.bitwise_count(here["clean"] ^ here["adversarial"]).sum(axis=1)
    np.testing.assert_array_equal(here["hamming"], moved)
    assert scored.outcome.imagery["hamming"] == pytest.approx(moved.mean())


def test_asking_a_black_box_moves_more_bits_than_noise_and_is_counted(grid: tuple[list[Record], ResultStore]) -> None:
    asked, noise = one(grid[0], "phash", "square"), one(grid[0], "phash", "noise")
    assert 0 < asked.outcome.cost.queries <= 12 * 30
    assert (asked.outcome.cost.forward, asked.outcome.cost.backward) == (0, 0)
    assert asked.outcome.imagery["hamming"] > noise.outcome.imagery["hamming"]


def test_the_record_of_a_ready_model_names_its_library(grid: tuple[list[Record], ResultStore]) -> None:
    model = one(grid[0], "phash", "square").victim.model
    assert model.options == {
        "hash_size": 8,
        "highfreq_factor": 4,
        "libraries": {"ImageHash": version("ImageHash")},
    }
    assert model.backbone == "none"


def test_another_option_of_a_ready_model_is_another_model(host: PluginHost, tmp_path: Path) -> None:
    """Its weights are none in either case: the digest, by which codes are cached, must tell them apart."""
    records = []
    for size in ("8", "16"):
        setting = replace(SETTING, options={"phash": {"hash_size": size}, "square": {"queries": "5"}})
        request = Request(models=("phash",), attacks=("square",), setting=setting)
        records.append(one(evaluate(request, host, results=tmp_path).records, "phash", "square"))
    assert [record.victim.model.bits for record in records] == [64, 256]
    assert records[0].victim.model.digest != records[1].victim.model.digest


def test_workers_give_the_same_record(grid: tuple[list[Record], ResultStore], host: PluginHost, tmp_path: Path) -> None:
    setting = replace(SETTING, options={"square": SETTING.options["square"]})
    request = replace(GRID, models=("phash",), surrogates=(), attacks=("square",), setting=setting)
    records = evaluate(request, host, results=tmp_path, executor=Processes(workers=2)).records
    assert one(records, "phash", "square").reproducible() == one(grid[0], "phash", "square").reproducible()


def test_gradient_attacks_on_a_black_box_end_in_a_capability_error(host: PluginHost, tmp_path: Path) -> None:
    request = Request(models=("phash",), attacks=("hinge",), setting=replace(SETTING, options={}))
    outcome = evaluate(request, host, results=tmp_path)
    (failure,) = outcome.failures
    assert isinstance(failure.error, CapabilityError)
    assert "gives no gradients" in failure.error.message
    assert [record.attack.name for record in outcome.records] == ["noise"]


def test_a_code_length_of_its_own_is_planned_once_and_its_surrogates_keep_those_of_the_request() -> None:
    request = replace(GRID, bits=(16, 32), attacks=("hinge",))
    own = Known(epsilon=0.3, directions=(Direction.I2I,), reference="noise", yardsticks={}, sizes={"phash": 64})
    cells = plan(request, own)
    hashed = [cell for cell in cells if cell.victim.model == "phash"]
    black_box = VictimPlan(model="phash", bits=64)
    assert [(cell.attack, cell.victim, cell.surrogate) for cell in hashed] == [
        ("noise", black_box, None),
        ("hinge", black_box, VictimPlan(model="dpsh", bits=16)),
        ("hinge", black_box, VictimPlan(model="dpsh", bits=32)),
    ]
    trained = [cell for cell in cells if cell.victim.model == "dpsh"]
    assert {cell.surrogate for cell in trained} == {None}  # each is its own surrogate, and no other length's


def test_there_is_nothing_to_train_in_a_ready_model(host: PluginHost, tmp_path: Path) -> None:
    setting = replace(SETTING, options={})
    with pytest.raises(UsageError, match=r"'phash' of robusthash-models .* is not trained: it is used as it is"):
        train_victim("phash", 32, setting, host, output=tmp_path / "x.safetensors", progress=lambda _d, _t, _w: None)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_not_of_a_ready_model(host: PluginHost, tmp_path: Path) -> None:
    path = tmp_path / "lsh.safetensors"
    setting = replace(SETTING, options={})
    train_victim("lsh", 32, setting, host, output=path, progress=lambda _d, _t, _w: None)
    request = Request(models=("phash",), attacks=("square",), setting=replace(setting, checkpoint=path))
    with pytest.raises(CheckpointError, match="has model lsh, not phash"):
        evaluate(request, host, results=tmp_path / "results")


def test_the_command_line_takes_a_ready_model_with_the_default_bits(tmp_path: Path) -> None:
    arguments = ["--model", "phash", "--attack", "square", "-o", "square.queries=5", "--queries", "6", "--json"]
    done = CliRunner().invoke(group, ["eval", *arguments, "--quiet", "--results", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert {record["model"]["bits"] for record in json.loads(done.stdout)} == {64}


def test_images_for_a_ready_model_are_counted_in_its_own_bits(tmp_path: Path) -> None:
    arguments = ["--model", "phash", "--attack", "square", "-o", "square.queries=5", "--queries", "3", "--quiet"]
    done = CliRunner().invoke(group, ["attack", *arguments, "--output", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert " of 64 bits flipped" in done.stdout


# --- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lsh", "itq"])
def test_a_closed_form_is_cached_and_checkpointed_like_a_trained_model(
    name: str, host: PluginHost, tmp_path: Path
) -> None:
    setting = replace(SETTING, options={})
    found = train_victim(name, 16, setting, host, output=None, progress=lambda _d, _t, _w: None)
    assert not found.cached
    again = train_victim(name, 16, setting, host, output=None, progress=lambda _d, _t, _w: None)
    description = found.description
    assert (again.path, again.cached) == (found.path, True)
    assert again.description.weights_digest == description.weights_digest
    assert description.recipe == {}
    assert description.report["epochs"] == 0
    probe = description.report["probes"][-1]
    assert probe["map"] > probe["floor"] + 0.1  # features of a random network still say something about digits
    assert load_checkpoint(found.path)[1].weights_digest == description.weights_digest


def test_a_closed_form_can_be_attacked_with_full_knowledge(host: PluginHost, tmp_path: Path) -> None:
    setting = replace(SETTING, options={"hinge": {"steps": "10"}})
    request = Request(models=("itq",), attacks=("hinge",), bits=(16,), epsilons=(0.1,), setting=setting)
    records = evaluate(request, host, results=tmp_path).records
    attacked, noise = one(records, "itq", "hinge"), one(records, "itq", "noise")
    assert attacked.access is Access.WHITE_BOX
    assert attacked.outcome.imagery["hamming"] > 2 * noise.outcome.imagery["hamming"]
    assert "train" not in attacked.victim.model.options
    assert not attacked.outcome.flags


def test_more_bits_than_components_are_refused(host: PluginHost, tmp_path: Path) -> None:
    setting = replace(SETTING, options={})
    with pytest.raises(UsageError, match="principal components"):
        train_victim("itq", 300, setting, host, output=tmp_path / "x", progress=lambda _d, _t, _w: None)


def test_what_a_model_may_be_is_told_where_a_factory_makes_something_else(host: PluginHost) -> None:
    resources = Resources(SETTING, host, lambda _d, _t, _w: None)
    with pytest.raises(ContractError, match="is a DPSH, not a ClosedForm or ReadyModel"):
        resources.plugins.choose(PluginKind.MODEL, "dpsh", (ClosedForm, ReadyModel))
    made = {name: type(resources.plugins.model(name).plugin).__mro__ for name in ("dpsh", "itq", "phash")}
    assert [base for mro in made.values() for base in mro if base in (Objective, ClosedForm, ReadyModel)] == [
        Objective,
        ClosedForm,
        ReadyModel,
    ]
    assert known(Request(models=tuple(made), setting=SETTING), resources).sizes == {"phash": 64}
