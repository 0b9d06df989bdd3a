"""The executors of the core hold to the contract; and what is chosen where."""

import pytest

from robusthash.contracts import Executor
from robusthash.errors import OptionError, UnknownNameError
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


def test_workers_are_processes_and_no_workers_are_this_process(host: PluginHost) -> None:
    assert choose_executor(host, None) == Local()
    assert choose_executor(host, None, workers=3) == Processes(workers=3)
    with pytest.raises(OptionError, match="at least 1"):
        Processes(workers=0)


def test_registered_executors_are_chosen_by_name_and_take_their_own_options(host: PluginHost) -> None:
    assert choose_executor(host, "local") == Local()
    assert choose_executor(host, "processes", options={"processes": {"workers": "5"}}) == Processes(workers=5)
    with pytest.raises(UnknownNameError, match="processes"):
        choose_executor(host, "proceses")
    with pytest.raises(OptionError, match=r"--workers 2 cannot be combined with --executor local") as refused:
        choose_executor(host, "local", workers=2)
    assert refused.value.hint == "use -o local.workers=2"
