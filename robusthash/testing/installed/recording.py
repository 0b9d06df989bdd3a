"""A plugin of pytest that notes the outcome of each test, and writes the report at the end."""

import os
import traceback
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from robusthash.errors import RobustHashError
from robusthash.testing.installed.outcome import Failed, Outcome, Refused, Tested
from robusthash.testing.installed.process import REPORT
from robusthash.testing.installed.selecting import selected

_LINES = 12  #: of what was found
_OUTCOME = pytest.StashKey[dict[str, Tested]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Makes the plugin objects; what cannot be made is the whole report."""
    try:
        found, _ = selected()
    except RobustHashError as error:
        _write(Outcome(refused=Refused(error=type(error).__name__, message=error.message, hint=error.hint)))
        pytest.exit(error.message, returncode=pytest.ExitCode.USAGE_ERROR)
    session.config.stash[_OUTCOME] = {case.tests.__name__: case.about for case in found}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes one phase of one test."""
    report = yield
    found = item.config.stash[_OUTCOME]
    name = item.cls.__name__  # type: ignore[attr-defined]  # the suite has classes alone
    tested = found[name]
    if report.failed:
        found[name] = replace(tested, failed=(*tested.failed, _failed(item, call, item.cls.folder)))  # type: ignore[attr-defined]  # set by `selecting`
    elif report.skipped:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        found[name] = replace(tested, skipped={**tested.skipped, item.name: reason.removeprefix("Skipped: ")})
    elif report.when == "call":
        found[name] = replace(tested, passed=tested.passed + 1)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the report, unless the selection was refused."""
    found = session.config.stash.get(_OUTCOME, None)
    if found is not None:
        _write(Outcome(tested=tuple(found.values()), untested=selected()[1]))


def _failed(item: pytest.Item, call: pytest.CallInfo[None], folder: Path) -> Failed:
    assert call.excinfo is not None
    frames = traceback.extract_tb(call.excinfo.tb)
    of_plugin = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    of_contract = [frame for frame in frames if "robusthash/testing/contracts" in Path(frame.filename).as_posix()]
    said = str(call.excinfo.value)
    error = call.excinfo.type
    found = said if error is AssertionError else f"{error.__name__}: {said}"
    return Failed(
        test=item.name,
        promise=" ".join((getattr(item, "function").__doc__ or "").strip().partition("\n\n")[0].split()),  # noqa: B009
        found="\n".join(found.splitlines()[:_LINES]),
        where=_place(of_contract[-1]) if of_contract else "",
        plugin=_place(of_plugin[-1]) if of_plugin else "",
        traceback="".join(traceback.format_exception(call.excinfo.value)),
    )


def _place(frame: traceback.FrameSummary) -> str:
    return f"{frame.filename}:{frame.lineno}, in {frame.name}"


def _write(outcome: Outcome) -> None:
    Path(os.environ[REPORT]).write_bytes(msgspec.json.encode(outcome))
