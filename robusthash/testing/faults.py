"""Shows that a contract sees a fault: its tests, turned round, pass if the fault fails them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from robusthash.errors import RobustHashError

_CAUGHT = (AssertionError, RobustHashError, pytest.fail.Exception)


def sound(contract: type, *tests: str, **fixtures: Callable[[], object]) -> type:
    """Some tests of a contract, on a sound object.

    Args:
        contract: the contract's class.
        tests: names of its tests, without ``test_``.
        fixtures: what returns the value of each fixture that is overridden.
    """
    return _subclass(contract, {f"test_{test}": getattr(contract, f"test_{test}") for test in tests}, fixtures)


def faulty(contract: type, *tests: str, **fixtures: Callable[[], object]) -> type:
    """Some tests of a contract, each of which must see the fault of the object.

    Args:
        contract: the contract's class.
        tests: names of its tests, without ``test_``.
        fixtures: what returns the value of each fixture that is overridden.
    """
    return _subclass(contract, {f"test_{test}": _seen(getattr(contract, f"test_{test}")) for test in tests}, fixtures)


def _seen(test: Callable[..., None]) -> Callable[..., None]:
    @wraps(test)
    def turned(*arguments: Any, **named: Any) -> None:
        try:
            test(*arguments, **named)
        except _CAUGHT:
            return
        except pytest.skip.Exception as skipped:
            pytest.fail(f"the fault was not looked for: {skipped}")
        pytest.fail("the fault was not seen")

    return turned


def _subclass(contract: type, kept: dict[str, Any], fixtures: dict[str, Callable[[], object]]) -> type:
    others = {name: None for name in dir(contract) if name.startswith("test_")}
    made = {name: pytest.fixture(_returning(make), name=name) for name, make in fixtures.items()}
    return type(contract.__name__, (contract,), {**others, **kept, **made})


def _returning(make: Callable[[], object]) -> Callable[[object], object]:
    def value(_self: object) -> object:
        return make()

    return value
