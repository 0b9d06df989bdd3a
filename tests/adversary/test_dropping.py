"""Dropping finished queries saves passes and changes no outcome, on a trained victim.

The pixels do differ: of equally good iterates the later one is kept, and a query that goes on at distance 0 has later
ones. What must not change is how near the delivered image's code is to the aim, and so what it retrieves.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robusthash.adversary import GradientAttack, find_aim
from robusthash.contracts import AttackBatch, Radius
from robusthash.evaluation import Cell, RunSettings, VictimPlan
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.running.preparing.cells import prepare
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.hashing import hamming, pack
from robusthash.host import PluginHost

EPSILON = 0.4  #: of the three attacks at these steps, queries that reach their aim and queries that do not


@pytest.fixture(scope="module")
def systems(host: PluginHost, cache: Path) -> Systems:
    resources = Resources(
        RunSettings(options={"train": {"epochs": "3"}}, device="cpu"), host, lambda _done, _total, _what: None
    )
    return Systems(resources)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnm", "rnm-p2s", "hinge"])
def test_dropping_finished_queries_changes_no_distance_and_no_map(systems: Systems, name: str) -> None:
    cell = prepare(
        Cell(victim=VictimPlan(model="dpsh", bits=16), attack=name, radius=Radius(size=EPSILON)), systems, {}
    )
    system, job = cell.system, cell.job
    attack, rows, model = job.attack, range(len(system.resources.queries)), system.query_model
    assert isinstance(attack, GradientAttack)
    dropped, whole = (craft(replace(job, attack=replace(attack, steps=25, stop=stop)), rows) for stop in (True, False))

    batch = AttackBatch(inputs=whole.clean, ids=job.ids, anchors=job.knowledge.anchors)
    with torch.no_grad():
        aim = find_aim(attack.aim, batch, model(whole.clean), model.space)
    codes = [model.codes(run.adversarial.inputs) for run in (dropped, whole)]
    near, nearest = (hamming(code, aim) for code in codes)
    targets = job.knowledge.targets
    labels = system.resources.queries.labels if targets is None else targets
    first, second = (Scale.of(system).judged(pack(code), labels).mean() for code in codes)
    assert 0.05 < (nearest == 0).double().mean() < 0.95, "some queries must finish, and some must not"
    assert dropped.cost.forward < whole.cost.forward
    assert dropped.cost.backward < whole.cost.backward
    assert (near == nearest).double().mean() >= 0.995
    assert abs(first - second) <= 0.002
