"""Fuzzes every parser for some time: ``python tests/fuzz --minutes 20``, or ``tox -e fuzz -- --minutes 20``.

Hypothesis draws the inputs; with ``--engine atheris``, which guides them by coverage, one target is run at a time. What
comes out of a parser must be an error of the project, soon, and without taking much memory. Exit code 1 if not.
"""

import argparse
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from hypothesis import HealthCheck, Phase, given, seed, settings
from targets import TARGETS, Target

from robusthash.errors import RobustHashError

_SECONDS = 20  #: one input may take
_MEMORY = 2 << 30  #: bytes that one input may take, beside what is loaded
_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


class TooSlowError(Exception):
    """A parser takes too long."""


def main() -> int:
    """Does what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="for all targets together")
    parser.add_argument("--examples", type=int, help="of each target, instead of some minutes")
    parser.add_argument("--seed", type=int, default=0, help="of the first inputs")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="one of them; repeatable")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    options = parser.parse_args()
    names = options.target or list(TARGETS)
    _bound()
    if options.engine == "atheris":
        return _guided(names[0], options.minutes)
    broken = 0
    for name in names:
        end = time.monotonic() + options.minutes * 60 / len(names)
        tried, fault = _fuzzed(TARGETS[name], end, options.examples, options.seed)
        broken += fault is not None
        print(f"{name}: {tried} inputs: {fault or 'sound'}", flush=True)
    print(f"{len(names)} targets, {broken} broken")
    return 1 if broken else 0


def _fuzzed(target: Target, end: float, examples: int | None, start: int) -> tuple[int, str | None]:
    """The number of inputs tried, and what broke the target."""
    tried = 0

    def one(value: Any) -> None:
        nonlocal tried
        tried += 1
        _parse(target, value)

    try:
        for value in target.found:
            one(value)
        while True:
            _test(one, target, examples or 200, start)()
            start += 1
            if examples or time.monotonic() > end:
                return tried, None
    except Exception as error:
        notes = "\n".join(getattr(error, "__notes__", []))
        return tried, f"{''.join(traceback.format_exception(error))}\n{notes}"


def _test(one: Callable[[Any], None], target: Target, examples: int, start: int) -> Callable[[], None]:
    configured = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=_PHASES
    )
    test: Callable[[], None] = seed(start)(configured(given(value=target.inputs)(one)))
    return test


def _parse(target: Target, value: Any) -> None:
    signal.alarm(_SECONDS)
    try:
        target.parse(value)
    except RobustHashError:
        pass
    finally:
        signal.alarm(0)


def _bound() -> None:
    def slow(number: int, frame: FrameType | None) -> NoReturn:
        raise TooSlowError(f"more than {_SECONDS} s")

    signal.signal(signal.SIGALRM, slow)
    with open("/proc/self/statm") as file:  # noqa: PTH123 - as short
        loaded = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (loaded + _MEMORY, resource.RLIM_INFINITY))


def _guided(name: str, minutes: float) -> int:
    import atheris

    target = TARGETS[name]
    test = _test(lambda value: _parse(target, value), target, 1, 0)
    atheris.instrument_all()
    arguments = [sys.argv[0], f"-max_total_time={int(minutes * 60)}", "-rss_limit_mb=0"]
    atheris.Setup(arguments, test.hypothesis.fuzz_one_input)  # type: ignore[attr-defined]
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
