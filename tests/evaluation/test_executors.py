"""The executors of the core hold to the contract, each kind of bad executor breaks it; and what is chosen where."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from robusthash.contracts import Executor, FinishedShard, Running, ShardTask, Workplace
from robusthash.errors import OptionError, PluginError, UnknownNameError
from robusthash.evaluation import Local, Processes, choose_executor
from robusthash.host import PluginHost
from robusthash.testing import ExecutorContract, Reversed


class TestLocal(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return Local()


class TestReversed(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return Reversed()


@pytest.mark.slow
class TestProcesses(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return Processes(workers=2)


# --- the contract turns red -------------------------------------------------------------------------------------------

Run = Callable[[Workplace, Sequence[ShardTask]], Iterator[FinishedShard]]


class Does(Running):
    def __init__(self, how: Run, workplace: Workplace) -> None:
        self._how, self._workplace = how, workplace

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        return self._how(self._workplace, list(tasks))


@dataclass(frozen=True, kw_only=True)
class Bad(Executor):
    """Runs shards in this process, in some wrong way."""

    how: Run = field(repr=False)  #: which

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:
        yield Does(self.how, workplace)


def forgets(workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
    yield from map(workplace.here, tasks[:-1])


def repeats(workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
    yield from map(workplace.here, [*tasks, *tasks[:1]])


def mixes_up(workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
    for task, other in zip(tasks, reversed(tasks), strict=True):
        yield replace(workplace.here(task), task=other)


def raises(workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
    for finished in map(workplace.here, tasks):
        if finished.error is not None:
            raise finished.error
        yield finished


def swallows(workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
    yield from (finished for finished in map(workplace.here, tasks) if finished.error is None)


def makes_anew(workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
    for task in tasks:
        yield workplace.elsewhere()(task)


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    ("how", "test"),
    [
        (forgets, "every_task_is_done_once"),
        (repeats, "every_task_is_done_once"),
        (mixes_up, "every_task_is_done_once"),
        (makes_anew, "every_task_is_done_once"),
        (raises, "errors_are_told_and_not_raised"),
        (swallows, "errors_are_told_and_not_raised"),
        (repeats, "errors_are_told_and_not_raised"),
        (forgets, "two_runs_at_once_do_not_mix"),
    ],
)
def test_each_fault_turns_its_test_red(how: Run, test: str) -> None:
    check = getattr(ExecutorContract(), f"test_{test}")
    check(Local())
    with pytest.raises((AssertionError, PluginError)):
        check(Bad(how=how))


@pytest.mark.parametrize("test", ["nothing_is_left_running", "an_interrupted_run_leaves_nothing_running"])
def test_a_thread_that_goes_on_turns_its_tests_red(
    test: str, over: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robusthash.testing.contracts.executors._SECONDS", 0.2)

    def leaves_a_thread(workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        threading.Thread(target=over.wait, daemon=True).start()
        yield from map(workplace.here, tasks)

    check = getattr(ExecutorContract(), f"test_{test}")
    check(Local())
    with pytest.raises(AssertionError, match="thread is still running"):
        check(Bad(how=leaves_a_thread))


# --- what is chosen ---------------------------------------------------------------------------------------------------


def test_workers_are_processes_and_no_workers_are_this_process(host: PluginHost) -> None:
    assert choose_executor(host, None) == Local()
    assert choose_executor(host, None, workers=3) == Processes(workers=3)
    with pytest.raises(OptionError, match="workers=0"):
        Processes(workers=0)


def test_registered_executors_are_chosen_by_name_and_take_their_own_options(host: PluginHost) -> None:
    assert choose_executor(host, "local") == Local()
    assert choose_executor(host, "processes", options={"processes": {"workers": "5"}}) == Processes(workers=5)
    with pytest.raises(UnknownNameError, match="processes"):
        choose_executor(host, "proceses")
    with pytest.raises(OptionError, match=r"--workers 2 cannot be combined with --executor local") as refused:
        choose_executor(host, "local", workers=2)
    assert refused.value.hint == "use -o local.workers=2"
