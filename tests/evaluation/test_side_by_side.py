"""Cells run side by side: the records, their order and their failures are those of one cell after another."""

import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path

import pytest

from robusthash.contracts import Executor, FinishedShard, Running, ShardTask, Workplace
from robusthash.errors import RobustHashError, RobustHashWarning, StorageError
from robusthash.evaluation import Local, Processes, Request, RunOutcome, RunSettings, evaluate
from robusthash.files.locks import locked
from robusthash.host import PluginHost
from robusthash.results import ResultStore

LINEAR = """
import torch

def build(bits):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, bits))
"""

Run = Callable[[Workplace, Iterable[ShardTask]], Iterator[FinishedShard]]


@dataclass(frozen=True, kw_only=True)
class Does(Executor):
    """Runs tasks in some way."""

    how: Run = field(repr=False)  #: which

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:
        yield _Does(self.how, workplace)


class _Does(Running):
    def __init__(self, how: Run, workplace: Workplace) -> None:
        self._how, self._workplace = how, workplace

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        return self._how(self._workplace, tasks)


def all_at_once(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
    """Takes every task before it runs one, the last one first: all cells are open at once."""
    yield from map(workplace.here, reversed(list(tasks)))


def shard_by_shard(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
    """The last shard of every cell, then the one before it, and so on."""
    yield from map(workplace.here, sorted(tasks, key=lambda task: -task.shard))


def a_few_ahead(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
    left = iter(tasks)
    while some := list(islice(left, 5)):
        yield from map(workplace.here, reversed(some))


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "linear.py").write_text(LINEAR)
    return Request(
        models=(f"{tmp_path / 'linear.py'}:build",),
        bits=(8, 16),
        attacks=("rnm", "hag"),
        setting=RunSettings(
            dataset="digits",
            device="cpu",
            queries=7,
            shard_size=3,
            options={"rnm": {"steps": "2"}, "hag": {"steps": "2"}},
        ),
    )


def bytes_of(outcome: RunOutcome, results: Path) -> list[object]:
    """All that is stored of each record, but the times."""
    store = ResultStore(results)
    return [
        (record.reproducible(), {name: array.tobytes() for name, array in store.arrays(record).to_arrays().items()})
        for record in outcome.records
    ]


@pytest.mark.parametrize("how", [all_at_once, shard_by_shard, a_few_ahead])
def test_any_order_gives_the_same_records_in_the_order_of_the_plan(
    how: Run, request_: Request, host: PluginHost, tmp_path: Path
) -> None:
    one_by_one = evaluate(request_, host, results=tmp_path / "one", executor=Local())
    at_once = evaluate(request_, host, results=tmp_path / "other", executor=Does(how=how))
    assert len(at_once.records) == 6
    assert bytes_of(at_once, tmp_path / "other") == bytes_of(one_by_one, tmp_path / "one")
    assert not (tmp_path / "other" / ".shards").exists()


def test_a_cell_that_another_run_holds_is_left_for_later(request_: Request, host: PluginHost, tmp_path: Path) -> None:
    expected = evaluate(request_, host, results=tmp_path / "one")
    reference = expected.records[0]
    released, stored = threading.Event(), []

    def releases_at_the_end(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        yield from map(workplace.here, tasks)
        stored.append({record.digest for record in ResultStore(tmp_path / "other").load_all()[0]})
        released.set()

    def holds() -> None:
        with locked(tmp_path / "other" / ".shards" / f"{reference.digest[:32]}.lock"):
            held.set()
            assert released.wait(120)

    held = threading.Event()
    another = threading.Thread(target=holds)
    another.start()
    assert held.wait(120)
    found = evaluate(request_, host, results=tmp_path / "other", executor=Does(how=releases_at_the_end))
    another.join()
    assert bytes_of(found, tmp_path / "other") == bytes_of(expected, tmp_path / "one")
    beside = {record.digest for record in expected.records if record.victim.model.size == 8}
    assert stored[0].isdisjoint(beside), "they are shown beside the record that is not there yet"
    assert stored[0] == {record.digest for record in expected.records} - beside


def test_a_cell_that_fails_is_handed_out_no_more_and_stops_no_other(
    request_: Request, host: PluginHost, tmp_path: Path
) -> None:
    ran: list[ShardTask] = []

    def fails_once(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        for task in tasks:
            ran.append(task)
            if task.cell.place == 1:
                yield FinishedShard(task=task, error=RobustHashError("a worker process died"))
            else:
                yield workplace.here(task)

    found = evaluate(request_, host, results=tmp_path / "results", executor=Does(how=fails_once))
    assert [failure.error.message for failure in found.failures] == ["a worker process died"]
    assert len(found.records) == 5
    assert len([task for task in ran if task.cell.place == 1]) == 1


def test_an_executor_that_breaks_loses_what_it_was_at_work_on(
    request_: Request, host: PluginHost, tmp_path: Path
) -> None:
    def breaks(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        for task in tasks:
            if task.cell.place == 1:
                raise ValueError("it broke")
            yield workplace.here(task)

    found = evaluate(request_, host, results=tmp_path / "results", executor=Does(how=breaks))
    assert [str(failure.cell.attack) for failure in found.failures] == ["rnm"]
    assert "it broke" in found.failures[0].error.message
    assert len(found.records) == 5


def test_an_executor_that_takes_nothing_ends_the_run(request_: Request, host: PluginHost, tmp_path: Path) -> None:
    found = evaluate(request_, host, results=tmp_path / "results", executor=Does(how=lambda _w, _t: iter(())))
    assert len(found.failures) == 6
    assert "stopped before all tasks were done" in found.failures[0].error.message


def test_a_fault_after_the_last_shard_is_a_warning(request_: Request, host: PluginHost, tmp_path: Path) -> None:
    def breaks_at_the_end(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        yield from map(workplace.here, tasks)
        raise ValueError("it broke")

    with pytest.warns(RobustHashWarning, match="it broke"):
        found = evaluate(request_, host, results=tmp_path / "results", executor=Does(how=breaks_at_the_end))
    assert (len(found.records), found.failures) == (6, [])


def test_tasks_are_not_taken_in_another_thread(request_: Request, host: PluginHost, tmp_path: Path) -> None:
    def in_a_thread(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        caught: list[Exception] = []

        def take() -> None:
            try:
                next(iter(tasks))
            except Exception as error:
                caught.append(error)

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        yield from ()
        raise caught[0]

    found = evaluate(request_, host, results=tmp_path / "results", executor=Does(how=in_a_thread))
    assert "took a task in another thread" in found.failures[0].error.message


def test_what_breaks_here_while_a_task_is_taken_is_not_the_executors(
    request_: Request, host: PluginHost, tmp_path: Path
) -> None:
    def swallows(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        yield from map(workplace.here, tasks)

    def progress(done: int, total: int, what: str) -> None:
        if "hag" in what:
            raise LookupError("the progress bar is broken")

    with pytest.raises(LookupError, match="the progress bar"):
        evaluate(request_, host, results=tmp_path / "one", executor=Does(how=swallows), progress=progress)


def test_a_storage_error_of_a_shard_ends_the_run_and_keeps_the_others(
    request_: Request, host: PluginHost, tmp_path: Path
) -> None:
    def full(workplace: Workplace, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        for task in tasks:
            failed = FinishedShard(task=task, error=StorageError("the disk is full"))
            yield failed if task.cell.place == 2 else workplace.here(task)

    with pytest.raises(StorageError, match="full"):
        evaluate(request_, host, results=tmp_path / "results", executor=Does(how=full))
    again = evaluate(request_, host, results=tmp_path / "results")
    assert len(again.reused) == 2
    assert not (tmp_path / "results" / ".shards").exists()


def test_progress_is_one_line_for_all_cells_at_work(request_: Request, host: PluginHost, tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []

    def progress(done: int, total: int, what: str) -> None:
        told.append((done, what))

    evaluate(request_, host, results=tmp_path / "results", executor=Does(how=shard_by_shard), progress=progress)
    lines = [what for what, _ in groupby(what for _, what in told if " on " in what)]
    assert len(set(lines)) == len(lines), "one line for all cells that are at work, which does not alternate"
    assert told[-1][0] == 7


def killing_a_worker() -> Callable[[int, int, str], None]:
    """A progress callback that kills one worker, once, when the first shards are there."""
    killed: list[object] = []

    def progress(done: int, total: int, what: str) -> None:
        if " on " in what and done and not killed:
            (worker, *_) = multiprocessing.active_children()
            worker.kill()
            killed.append(worker)

    return progress


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_give_the_same_records(
    request_: Request, host: PluginHost, tmp_path: Path
) -> None:
    alone = evaluate(request_, host, results=tmp_path / "one")
    executor = Processes(workers=2)
    found = evaluate(request_, host, results=tmp_path / "other", executor=executor, progress=killing_a_worker())
    assert found.failures == []
    assert bytes_of(found, tmp_path / "other") == bytes_of(alone, tmp_path / "one")
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_what_kills_every_worker_fails_its_cell_alone(request_: Request, host: PluginHost, tmp_path: Path) -> None:
    (tmp_path / "linear.py").write_text(
        LINEAR + "\nimport multiprocessing, os, signal\n\n"
        "class Deadly(torch.nn.Linear):\n"
        "    def forward(self, x):\n"
        "        if self.out_features == 16 and multiprocessing.parent_process() is not None:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return super().forward(x)\n\n"
        "def build(bits):\n    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), Deadly(3 * 16 * 16, bits))\n"
    )
    asked = replace(request_, attacks=("noise",), setting=replace(request_.setting, options={}))
    found = evaluate(asked, host, results=tmp_path / "results", executor=Processes(workers=1))
    assert [record.victim.model.size for record in found.records] == [8]
    (failure,) = found.failures
    assert "a worker process died with exit code -9 while it ran shard 0" in failure.error.message
