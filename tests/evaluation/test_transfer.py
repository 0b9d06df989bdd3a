"""Transfer: crafted on a surrogate, scored on the victim, and crafted once for all victims."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robusthash.errors import CapabilityError
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.planning.plan import Known, VictimPlan, plan
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.host import PluginHost
from robusthash.results import Access, Record, ResultStore
from robusthash.specs import Direction

pytestmark = pytest.mark.usefixtures("cache")

SETTING = RunSettings(queries=12, shard_size=8, options={"train": {"epochs": "3"}, "hinge": {"steps": "5"}})
MATRIX = Request(
    models=("dpsh", "hashnet"), surrogates=("dpsh", "hashnet"), attacks=("hinge",), epsilons=(0.1,), setting=SETTING
)

KNOWN = Known(epsilon=0.3, directions=(Direction.I2I,), reference="noise", yardsticks={}, sizes={})


def by_pair(records: list[Record]) -> dict[tuple[str, str], Record]:
    """Records of the attack by (surrogate, victim)."""
    attacks = [record for record in records if record.attack.name == "hinge"]
    return {((one.attack.surrogate or one.victim.model).name, one.victim.model.name): one for one in attacks}


@pytest.fixture(scope="module")
def matrix(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Record], ResultStore]:
    folder = tmp_path_factory.mktemp("matrix")
    outcome = evaluate(MATRIX, host, results=folder)
    assert not outcome.failures
    assert not (folder / ".crafted").exists()
    return outcome.records, ResultStore(folder)


def test_the_plan_crafts_one_attack_for_all_victims_in_a_row() -> None:
    cells = plan(MATRIX, KNOWN)
    one, other = (VictimPlan(model=name, bits=32) for name in ("dpsh", "hashnet"))
    assert [(cell.attack, cell.surrogate, cell.victim) for cell in cells] == [
        ("noise", None, one),
        ("hinge", None, one),
        ("noise", None, other),
        ("hinge", None, other),
        ("hinge", other, one),
        ("hinge", one, other),
    ]
    alone = replace(MATRIX, models=("dpsh",), surrogates=("hashnet",), attacks=("hinge", "square"))
    blind = plan(alone, replace(KNOWN, model_independent=frozenset({"square"})))
    assert [(cell.attack, cell.surrogate) for cell in blind] == [("noise", None), ("square", None), ("hinge", other)]


def test_a_victim_among_its_surrogates_is_attacked_with_full_knowledge(
    matrix: tuple[list[Record], ResultStore],
) -> None:
    found = by_pair(matrix[0])
    assert {pair: record.access for pair, record in found.items()} == {
        ("dpsh", "dpsh"): Access.WHITE_BOX,
        ("hashnet", "hashnet"): Access.WHITE_BOX,
        ("dpsh", "hashnet"): Access.TRANSFER,
        ("hashnet", "dpsh"): Access.TRANSFER,
    }


def test_transferred_images_are_those_that_were_crafted_on_the_surrogate(
    matrix: tuple[list[Record], ResultStore],
) -> None:
    found, store = by_pair(matrix[0]), matrix[1]
    for source, victim in (("dpsh", "hashnet"), ("hashnet", "dpsh")):
        crafted, scored = found[source, source], found[source, victim]
        there, here = store.arrays(crafted).to_arrays(), store.arrays(scored).to_arrays()
        np.testing.assert_array_equal(there["pixels"], here["pixels"])
        assert crafted.outcome.cost == scored.outcome.cost  # crafted once, and what it cost is told by both
        assert (there["adversarial"] != here["adversarial"]).any()
        clean = store.arrays(found[victim, victim]).to_arrays()["clean"]
        np.testing.assert_array_equal(here["clean"], clean)


def test_a_transfer_record_stands_alone(
    matrix: tuple[list[Record], ResultStore], host: PluginHost, tmp_path: Path
) -> None:
    """Evaluated without its neighbours it is the same record."""
    alone = evaluate(replace(MATRIX, models=("hashnet",), surrogates=("dpsh",)), host, results=tmp_path)
    expected = by_pair(matrix[0])["dpsh", "hashnet"]
    assert by_pair(alone.records)["dpsh", "hashnet"].reproducible() == expected.reproducible()


def test_a_targeted_transfer_aims_at_the_surrogates_codes(last_cell: Callable[[Request], PreparedCell]) -> None:
    request = replace(MATRIX, attacks=("rnm-p2s",), models=("hashnet",), surrogates=("dpsh",), setting=SETTING)
    prepared = last_cell(request)
    job, surrogate = prepared.job, prepared.surrogate
    assert surrogate.victim.use.name == "dpsh"
    assert job.surrogate is surrogate.victim.model
    assert job.victim is prepared.system.victim.model
    assert job.victim is not job.surrogate
    aims = prepared.system.resources.targets.anchor_codes(surrogate.database.representation, surrogate.space)
    np.testing.assert_array_equal(np.asarray(job.knowledge.anchors), np.asarray(aims))
    assert (surrogate.database.codes != prepared.system.database.codes).any()


@pytest.mark.parametrize(("attack", "says"), [("mainstay", "labels"), ("strongest", "judged on the victim")])
def test_what_only_the_victims_owner_knows_is_refused(attack: str, says: str, host: PluginHost, tmp_path: Path) -> None:
    setting = replace(SETTING, options={"train": {"epochs": "3"}})
    request = replace(MATRIX, models=("hashnet",), surrogates=("dpsh",), attacks=(attack,), setting=setting)
    outcome = evaluate(request, host, results=tmp_path)
    assert [type(failure.error) for failure in outcome.failures] == [CapabilityError]
    assert says in outcome.failures[0].error.message


def test_checkpoints_are_models_and_surrogates(host: PluginHost, tmp_path: Path) -> None:
    from robusthash.evaluation import train_victim

    quiet = SETTING
    path = train_victim(
        "hashnet",
        16,
        replace(quiet, options={"train": {"epochs": "3"}}),
        host,
        output=tmp_path / "own.safetensors",
        progress=lambda _d, _t, _w: None,
    ).path
    request = replace(MATRIX, models=(str(path),), surrogates=("dpsh",), bits=(32,))
    records = evaluate(request, host, results=tmp_path / "results").records
    surrogates = {record.attack.surrogate.digest for record in records if record.attack.surrogate}
    assert len({record.victim.model.digest for record in records}) == 1
    assert surrogates.isdisjoint(record.victim.model.digest for record in records)
    assert {record.victim.model.bits for record in records} == {16}
    assert [record.attack.surrogate.bits for record in records if record.attack.surrogate] == [16]
