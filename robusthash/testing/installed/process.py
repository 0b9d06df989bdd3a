"""Starts the tests in a process of their own, so that a plugin can end neither the command nor its report."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import msgspec

from robusthash import errors
from robusthash.errors import MissingDependencyError, PluginError, RobustHashError
from robusthash.testing.installed.outcome import Outcome

SELECTION = "ROBUSTHASH_TESTED"  #: environment variable with the selection, as JSON
REPORT = "ROBUSTHASH_REPORT"  #: environment variable with the file of the outcome

_SUITE = Path(__file__).with_name("suite.py")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is tested, and how.

    Attributes:
        name: of a plugin object, or of a distribution.
        kind: of the object, where several kinds have the name; None is all.
        options: by plugin name, then by field, as texts.
        declared: attributes of the contract's class, by name.
        data_root: folder with a dataset's files.
    """

    name: str
    kind: str | None = None
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    declared: Mapping[str, bool | float] = field(default_factory=dict)
    data_root: str | None = None


def run(selection: Selection) -> Outcome:
    """Runs the contract tests of a selection.

    Raises:
        MissingDependencyError: pytest is not installed.
        PluginError: the process ended before its report.
        RobustHashError: nothing has the name, an option is wrong, or an object cannot be made.
    """
    if find_spec("pytest") is None:
        raise MissingDependencyError("plugins test needs pytest, which is not installed", hint="pip install pytest")
    with tempfile.TemporaryDirectory(prefix="robusthash-") as folder:
        report = Path(folder) / "report.json"
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        environment |= {
            SELECTION: msgspec.json.encode(selection).decode(),
            REPORT: str(report),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # plugins of pytest that happen to be here change no verdict
        }
        # A configuration of its own: that of the working folder is for other tests.
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}", str(_SUITE)]
        command += ["-p", "no:cacheprovider", "-p", "robusthash.testing.installed.recording", "--tb=long"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if not report.exists():
            last = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()][-1:]
            raise PluginError(
                f"the contract tests of {selection.name} ended with exit code {done.returncode}, before their report",
                hint=" ".join(last) or "the plugin may have ended the process",
            )
        outcome = msgspec.json.decode(report.read_bytes(), type=Outcome)
    if outcome.refused is not None:
        error: type[RobustHashError] = getattr(errors, outcome.refused.error)
        refused = error.__new__(error)  # its own arguments, such as a list of names, are in the message
        RobustHashError.__init__(refused, outcome.refused.message, hint=outcome.refused.hint)
        raise refused
    return outcome
