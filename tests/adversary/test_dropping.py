"""Dropping finished queries saves passes and changes no outcome, on a trained victim.

The pixels do differ: of equally good iterates the later one is kept, and a query that goes on at distance 0 has later
ones. What must not change is how near the delivered image's code is to the aim, and so what it retrieves.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from robusthash.evaluation.scoring.bench import Benches

from robusthash.adversary import GradientAttack, find_aim
from robusthash.contracts import AttackBatch
from robusthash.evaluation import Cell, RunSettings, VictimPlan
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.running.cells import make_ready
from robusthash.evaluation.scoring.score import per_query
from robusthash.evaluation.victims.resources import Resources
from robusthash.hashing import hamming, pack
from robusthash.host import PluginHost
from robusthash.metrics import Relevance

EPSILON = 0.4  #: of the three attacks at these steps, queries that reach their aim and queries that do not


@pytest.fixture(scope="module")
def benches(host: PluginHost, cache: Path) -> Benches:
    resources = Resources(
        RunSettings(options={"train": {"epochs": "3"}}, device="cpu"), host, lambda _done, _total, _what: None
    )
    return Benches(resources)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnm", "rnm-p2s", "hinge"])
def test_dropping_finished_queries_changes_no_distance_and_no_map(benches: Benches, name: str) -> None:
    work = make_ready(Cell(victim=VictimPlan(model="dpsh", bits=16), attack=name, epsilon=EPSILON), benches)
    bench, job = work.bench, work.job
    attack, rows, model = job.attack, range(len(bench.queries)), bench.victim.model
    assert isinstance(attack, GradientAttack)
    dropped, whole = (craft(replace(job, attack=replace(attack, steps=25, stop=stop)), rows) for stop in (True, False))

    batch = AttackBatch(inputs=whole.clean, ids=job.ids, anchors=job.anchors)
    with torch.no_grad():
        aim = find_aim(attack.aim, batch, model(whole.clean), model.space)
    codes = [model.codes(run.adversarial.inputs) for run in (dropped, whole)]
    near, nearest = (hamming(code, aim) for code in codes)
    labels = bench.queries.labels if job.targets is None else job.targets
    first, second = (
        per_query(
            bench.resources.metrics["map"], pack(code), labels, bench.database, relevance=Relevance.SHARE_ANY
        ).mean()
        for code in codes
    )
    assert 0.05 < (nearest == 0).double().mean() < 0.95, "some queries must finish, and some must not"
    assert dropped.budget.forward < whole.budget.forward
    assert dropped.budget.backward < whole.budget.backward
    assert (near == nearest).double().mean() >= 0.995
    assert abs(first - second) <= 0.002
