"""Measures how long a grid of cells of one shard each takes, in one process and with cells side by side.

The same cells, an attack on one model of the digits with eight numbers of steps, are run in one process, in worker
processes, and on a Ray cluster that is started for the run. Prints the wall time of each, starts included, its ratio to
that of one process, and what workers elsewhere are sent and send; fails if the records differ. What else the machine
does decides as well: its load is printed, too.

Run: ``python -m benchmarks.commands.side_by_side [--cells 8] [--steps 400] [--queries 128] [--workers 2]
[--without-ray]``.
"""

import argparse
import json
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from robusthash.contracts import Executor, FinishedShard, Running, ShardTask, Workplace
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.running.executing.executors import Processes, choose_executor
from robusthash.host import PluginHost
from robusthash.results import Record

_NETWORK = """import torch


def build(bits):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(32 * 16 * 16, bits),
    )
"""


@dataclass(frozen=True, kw_only=True)
class Weighed(Executor):
    """Runs shards in this process, and weighs what would be sent to workers, and by them."""

    sent: dict[str, list[int]] = field(default_factory=lambda: {"the plan": [], "a task": [], "a shard": []})

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:  # noqa: D102 - as in the base class
        self.sent["the plan"].append(len(pickle.dumps(workplace.elsewhere)))
        yield _Weighing(workplace, self.sent)


class _Weighing(Running):
    def __init__(self, workplace: Workplace, sent: dict[str, list[int]]) -> None:
        self._work, self._sent = workplace.here, sent

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        for task in tasks:
            finished = self._work(task)
            for name, one in (("a task", task), ("a shard", finished)):
                self._sent[name].append(len(pickle.dumps(one)))
            yield finished


def main() -> int:
    """Does what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=8, help="number of cells, each of one shard")
    parser.add_argument("--steps", type=int, default=400, help="of the attack in the first cell; the others have more")
    parser.add_argument("--queries", type=int, default=128, help="of each cell")
    parser.add_argument("--workers", type=int, default=2, help="number of workers")
    parser.add_argument("--without-ray", action="store_true", help="measure worker processes alone")
    options = parser.parse_args()
    host = PluginHost.load()
    weighed = Weighed()
    places: dict[str, Executor] = {
        "one process": weighed,
        f"{options.workers} processes": Processes(workers=options.workers),
    }
    if not options.without_ray:
        places["ray"] = choose_executor(host, "ray", options={"ray": {"workers": options.workers}})
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["ROBUSTHASH_CACHE"] = f"{folder}/cache"
        Path("network.py").write_text(_NETWORK)
        request = Request(
            setting=RunSettings(queries=options.queries, dataset="digits"),
            models=("network.py:build",),
            attacks=("rnm",),
            vary={"rnm": {"steps": tuple(str(options.steps + one) for one in range(options.cells))}},
        )
        alone, first = 0.0, ""
        for name, place in places.items():
            started = time.perf_counter()
            found = evaluate(request, host, results=Path(name), executor=place)
            wall = time.perf_counter() - started
            alone, first = alone or wall, first or _plain(found.records)
            if _plain(found.records) != first:
                print(f"{name}: other records than one process")
                return 1
            print(
                f"{name:12} {len(found.records)} records, {wall:7.1f} s, "
                f"{alone / wall:.2f} times as fast as one process; "
                f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
                flush=True,
            )
    print("; ".join(f"{name} has at most {max(sizes)} bytes" for name, sizes in weighed.sent.items()))
    return 0


def _plain(records: Iterable[Record]) -> str:
    """Records without times."""

    def timeless(content: object) -> object:
        if isinstance(content, dict):
            return {key: timeless(value) for key, value in content.items() if key not in ("created", "seconds")}
        return [timeless(one) for one in content] if isinstance(content, list) else content

    return json.dumps([timeless(json.loads(one.to_json())) for one in records], sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
