"""The outcome of contract tests, as it passes from the tests' process to the command."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A promise that was not kept.

    Attributes:
        test: name of the test, with its parameters.
        promise: what every plugin object of the kind promises.
        found: what was found instead, with the values that were compared.
        where: file and line of the contract.
        plugin: file, line and function of the plugin that was running; empty if none was.
        traceback: all of it.
    """

    test: str
    promise: str
    found: str
    where: str
    plugin: str = ""
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class Tested:
    """One plugin object.

    Attributes:
        kind: of the object, or ``observer``.
        name: registered name, or the module of an observer.
        owner: distribution and version.
        contract: name of the contract's class.
        passed: number of tests.
        skipped: reasons of those that do not apply, by test.
        failed: those that failed.
    """

    kind: str
    name: str
    owner: str
    contract: str
    passed: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why nothing could be tested.

    Attributes:
        error: name of the class in :mod:`robusthash.errors`.
        message: of the error.
        hint: of the error.
    """

    error: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All that was tested.

    Attributes:
        tested: the plugin objects, in order.
        untested: why others have no tests, by name.
        refused: why nothing could be tested at all.
    """

    tested: tuple[Tested, ...] = ()
    untested: dict[str, str] = field(default_factory=dict)
    refused: Refused | None = None

    @property
    def failures(self) -> int:
        """Number of tests that failed."""
        return sum(len(one.failed) for one in self.tested)

    @property
    def tests(self) -> int:
        """Number of tests that ran."""
        return self.failures + sum(one.passed for one in self.tested)
