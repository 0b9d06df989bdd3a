"""Global state that foreign code may leave behind: noted before a call, restored and reported after it."""

import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class _Setting:
    """A global setting of a library.

    Attributes:
        name: how it is set, for the report; None is not reported, as it changes nobody's numbers.
        module: the library. A setting of one that is not loaded is noted as ``usual``.
        get: reads it.
        set: writes it.
        usual: its value right after the import; None if that is not fixed, and then it is not restored.
    """

    name: str | None
    module: str
    get: Callable[[Any], Any]
    set: Callable[[Any, Any], object]
    usual: Callable[[Any], Any] | None = None


def _set_device(torch: Any, device: Any) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # None is the CPU without a slow indirection


_SETTINGS = (
    _Setting(
        "torch.set_grad_enabled",
        "torch",
        lambda torch: torch.is_grad_enabled(),
        lambda torch, value: torch.set_grad_enabled(value),
        lambda _: True,
    ),
    _Setting(
        "torch.set_default_dtype",
        "torch",
        lambda torch: torch.get_default_dtype(),
        lambda torch, value: torch.set_default_dtype(value),
        lambda torch: torch.float32,
    ),
    _Setting(
        "torch.set_default_device",
        "torch",
        lambda torch: torch.get_default_device(),
        _set_device,
        lambda torch: torch.device("cpu"),
    ),
    _Setting(
        "torch.use_deterministic_algorithms",
        "torch",
        lambda torch: torch.are_deterministic_algorithms_enabled(),
        lambda torch, value: torch.use_deterministic_algorithms(value),
        lambda _: False,
    ),
    _Setting(
        "torch.set_float32_matmul_precision",
        "torch",
        lambda torch: torch.get_float32_matmul_precision(),
        lambda torch, value: torch.set_float32_matmul_precision(value),
        lambda _: "highest",
    ),
    _Setting(
        "torch.set_num_threads",
        "torch",
        lambda torch: torch.get_num_threads(),
        lambda torch, value: torch.set_num_threads(value),
    ),
    _Setting("numpy.seterr", "numpy", lambda numpy: numpy.geterr(), lambda numpy, value: numpy.seterr(**value)),
    # The state of the generators is restored and not reported: what is computed here does not depend on it.
    _Setting(None, "torch", lambda torch: torch.get_rng_state(), lambda torch, value: torch.set_rng_state(value)),
    _Setting(None, "numpy", lambda numpy: numpy.random.get_state(), lambda numpy, value: numpy.random.set_state(value)),
    _Setting(None, "random", lambda _: random.getstate(), lambda _, value: random.setstate(value)),
)


class Surroundings:
    """The global state at one moment."""

    def __init__(self) -> None:
        self._settings = [_value(setting, sys.modules.get(setting.module)) for setting in _SETTINGS]
        self._raw = _raw_environment()
        self._filters = list(warnings.filters)
        self._folder = _folder()

    def restore(self) -> list[str]:
        """Restores the state.

        Returns:
            What had been changed and matters to others.
        """
        return [*self._restored_settings(), *self._restored_environment(), *self._restored_filters(), *self._moved()]

    def _restored_settings(self) -> Iterator[str]:
        for setting, before in zip(_SETTINGS, self._settings, strict=True):
            module = sys.modules.get(setting.module)
            if module is None:
                continue
            value = setting.usual(module) if before is _ABSENT and setting.usual is not None else before
            if value is _ABSENT:
                continue
            if setting.name is None:
                setting.set(module, value)
            elif setting.get(module) != value:
                setting.set(module, value)
                yield setting.name

    def _restored_environment(self) -> Iterator[str]:
        """Restores variables that were set before, and this package's own; libraries set new ones on import."""
        if _raw_environment() == self._raw:
            return
        now, before = os.environ, {os.fsdecode(name): os.fsdecode(value) for name, value in self._raw.items()}
        changed = {name for name, value in before.items() if now.get(name) != value}
        changed |= {name for name in now if name.startswith("ROBUSTHASH_") and name not in before}
        for name in sorted(changed):
            if name in before:
                now[name] = before[name]
            else:
                del now[name]
            yield f"the environment variable {name}"

    def _restored_filters(self) -> Iterator[str]:
        """Removes filters for all warnings, and adds removed ones; libraries add filters of one message on import."""
        now = list(warnings.filters)
        if now == self._filters:
            return
        added = [one for one in now if one not in self._filters]
        specific = [one for one in added if one[1] is not None or one[2] is not Warning or one[3] is not None]
        removed = any(one not in now for one in self._filters)
        warnings.filters[:] = [*specific, *self._filters]  # type: ignore[index]  # a list, says the documentation
        warnings._filters_mutated()  # type: ignore[attr-defined]  # else the old filters stay cached
        if removed or len(specific) < len(added):
            yield "the filters of warnings"

    def _moved(self) -> Iterator[str]:
        if self._folder is not None and _folder() != self._folder:
            with suppress(OSError):  # removed meanwhile: there is no way back
                os.chdir(self._folder)
            yield "the working folder"


_ABSENT = object()


def _value(setting: _Setting, module: ModuleType | None) -> Any:
    # A library that is just being imported has a module and not yet its functions.
    if module is None:
        return _ABSENT
    try:
        return setting.get(module)
    except AttributeError:
        return _ABSENT


def _raw_environment() -> dict[Any, Any]:
    """A copy of the environment, undecoded, which takes a hundredth of the time of a decoded one."""
    return dict(os.environ._data)  # type: ignore[attr-defined]  # the mapping beneath, on every system


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib's asks the same, ten times slower
    except OSError:
        return None
