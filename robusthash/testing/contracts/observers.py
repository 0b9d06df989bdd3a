"""The contract of observers: they only look. A run must be the same with them and without.

::

    class TestMine(ObserverContract):
        @pytest.fixture
        def observer(self) -> object:
            return plugin  # the module with the hooks, or a plugin object
"""

import os
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pluggy
import pytest

from robusthash import hookspecs
from robusthash.host.registration import OBSERVERS
from robusthash.testing.contracts.attacks.witnesses import global_randomness
from robusthash.testing.records import make_record


class ObserverContract:
    """The contract of observers. Override the fixture ``observer``."""

    @pytest.fixture
    def observer(self) -> object:
        """The module with the observer hooks under test; a subclass overrides this."""
        pytest.skip("override the fixture `observer` in a subclass")

    @pytest.fixture(autouse=True)
    def workplace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An empty folder, in which the run takes place."""
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_it_observes_something(self, observer: object) -> None:
        """At least one observer hook is implemented and accepted by the host."""
        assert _implemented(observer), f"it implements none of {', '.join(OBSERVERS)}"

    def test_a_whole_run_is_observed_without_an_error(self, observer: object) -> None:
        """From the start to the end; and again in the same process."""
        for _ in range(2):
            watch(observer)

    def test_any_hook_may_be_the_only_one(self, observer: object) -> None:
        """A run may fail before its first cell, and records may come from a run that started elsewhere."""
        for hook, arguments in events().items():
            notify(observer, hook, arguments)

    def test_a_run_without_records_is_observed(self, observer: object) -> None:
        """No cell was finished, because all of them failed."""
        for hook, arguments in events(records=0).items():
            notify(observer, hook, arguments)

    def test_standard_output_is_left_to_results(self, observer: object, capfd: pytest.CaptureFixture[str]) -> None:
        """Standard output is for results that other programs read: use logging or a file."""
        capfd.readouterr()
        watch(observer)
        assert capfd.readouterr().out == "", "what it wrote to standard output"

    def test_it_changes_nothing_that_it_is_shown(self, observer: object) -> None:
        """Settings and records are the same afterwards."""
        for hook, arguments in events().items():
            kept = deepcopy(arguments)
            notify(observer, hook, arguments)
            assert arguments == kept, f"the arguments of {hook}"

    def test_it_leaves_the_process_as_it_was(self, observer: object, workplace: Path) -> None:
        """Global random generators and the working folder are unchanged."""
        before = global_randomness()
        watch(observer)
        assert global_randomness() == before, "the state of torch's, numpy's or Python's global generator"
        assert Path(os.getcwd()) == workplace.resolve()  # noqa: PTH109 - of the process


def events(*, records: int = 3) -> dict[str, dict[str, Any]]:
    """Arguments of each observer hook, in the order of a run.

    Args:
        records: of the run.
    """
    made = [make_record(attack=f"attack-{i}", after=0.5 - 0.1 * i) for i in range(records)]
    settings = {"dataset": "digits", "seed": 0, "metrics": ["map"], "device": "cpu"}
    every: dict[str, dict[str, Any]] = {
        "robusthash_run_started": {"cells": max(records, 1), "settings": settings},
        "robusthash_cell_finished": {"record": made[0]} if made else {},
        "robusthash_run_finished": {"records": made, "seconds": 1.5},
    }
    return {hook: arguments for hook, arguments in every.items() if arguments}


def watch(observer: object) -> None:
    """Shows a run to an observer."""
    shown = events()
    for hook, arguments in shown.items():
        if hook == "robusthash_cell_finished":
            for record in shown["robusthash_run_finished"]["records"]:
                notify(observer, hook, {"record": record})
        else:
            notify(observer, hook, arguments)


def notify(observer: object, hook: str, arguments: Mapping[str, Any]) -> None:
    """Calls one hook of one observer, as the host does; an error passes through."""
    getattr(_manager(observer).hook, hook)(**arguments)


def _implemented(observer: object) -> list[str]:
    manager = _manager(observer)
    return [hook for hook in OBSERVERS if getattr(manager.hook, hook).get_hookimpls()]


def _manager(observer: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("robusthash")
    manager.add_hookspecs(hookspecs)
    manager.register(observer)
    manager.check_pending()
    return manager
