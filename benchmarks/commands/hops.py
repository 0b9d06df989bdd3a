"""Counts what one query passes on its way from its dataset to the leaderboard: functions, files and types.

    python -m benchmarks.commands.hops [--list] [--queries 29]

The main job, ``robusthash eval --model dpsh --attack rnm``, runs twice in this process: once to make what is cached
(victim, database codes, the reference's record), then traced, with only the attack's cell left to evaluate. All that is
asked is the interpreter (``sys.setprofile``), so any version of the project can be measured: set ``PYTHONPATH`` to its
folder and those of its plugins.

The rule. A value *carries the query* if it is

* an array or tensor with one row per query: the number of queries is a prime that no other axis of the job has;
* the mean of the headline metric after the attack, to the last bit: what the query's row becomes a part of;
* a text that shows this mean, in full or as tables do;
* a container, a dataclass or a named tuple that holds one of these, at any depth; or an object of another class with an
  attribute that is an array with one row per query, or a container of such. What such an object reaches through other
  objects is not followed, else whatever knows everything would carry everything.

A *hop* is a function that hands the query on as an object: its result (or what it yields) is an object, a dictionary, a
list or a tuple that carries the query. These are the steps of the main path. A function of arrays, numbers or texts
that returns the same is a computation: it does something to the query, and is no step on its way. *Functions* are all
that see the query, computations included: an argument, ``self`` included, or the result carries it. Comprehensions and
generated methods do not count; a lambda does. A *type* is a class of the project of which such a value is an object, or
holds one that carries the query. *Bare dictionaries* counts the functions that take or return one: a type that was not
written. *Files* are those of the hops and types, and in brackets of all functions. Only the project's own code counts:
the core and its first-party plugins.

Bounds: the numbers of hops and types that are reached now. Exits with 1 if there are more.
"""

import argparse
import contextlib
import io
import json
import runpy
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import CodeType, FrameType

import numpy as np
import torch

JOB = ("eval", "--model", "dpsh", "--attack", "rnm", "-o", "train.epochs=2", "--quiet")
QUERIES = 29
HOPS, TYPES = 52, 32  #: at most
ATTACK = "rnm"
_DEPTH = 12  #: more than anything is nested
_OWN = "robusthash"


Place = tuple[str, str]  #: file and qualified name


@dataclass(frozen=True)
class Way:
    """What carried the query, in the order in which it was first seen; see the module's own words.

    Attributes:
        functions: all that saw it.
        hops: those that handed it on as an object.
        types: classes.
        dictionaries: functions that took or returned a bare dictionary.
    """

    functions: dict[Place, None] = field(default_factory=dict)
    hops: dict[Place, None] = field(default_factory=dict)
    types: dict[Place, None] = field(default_factory=dict)
    dictionaries: dict[Place, None] = field(default_factory=dict)

    def __str__(self) -> str:
        main, every = ({file for file, _ in (*found, *self.types)} for found in (self.hops, self.functions))
        return (
            f"{len(self.hops)} hops [{len(self.functions)} functions], {len(main)} files [{len(every)}], "
            f"{len(self.types)} types, {len(self.dictionaries)} functions with bare dictionaries"
        )


class Tracer:
    """Follows the query through all calls of the project's functions.

    Args:
        queries: number of rows that tells an array of the queries.
        mean: what the rows become.
    """

    def __init__(self, queries: int, mean: float) -> None:
        self.way = Way()
        self._queries = queries
        self._mean = mean
        self._shown = (f"{mean:.3f}", repr(mean))
        self._files: dict[CodeType, str | None] = {}

    def __call__(self, frame: FrameType, event: str, result: object) -> None:
        """One event of the interpreter, as ``sys.setprofile`` reports it."""
        code = frame.f_code
        if event not in ("call", "return"):
            return
        if code not in self._files:
            self._files[code] = _own_file(code)
        file = self._files[code]
        if file is not None:
            for value in _arguments(frame) if event == "call" else [result]:
                self._note((file, code.co_qualname), value, handed_on=event == "return")

    def _note(self, where: Place, value: object, *, handed_on: bool) -> None:
        found: dict[type, None] = {}
        if not self._carries(value, found, _DEPTH):
            return
        self.way.functions.setdefault(where)
        if handed_on and (found or isinstance(value, dict | list | tuple)):
            self.way.hops.setdefault(where)
        if type(value) is dict:
            self.way.dictionaries.setdefault(where)
        for kind in found:
            self.way.types.setdefault((_shortened(sys.modules[kind.__module__].__file__ or ""), kind.__qualname__))

    def _carries(self, value: object, found: dict[type, None], depth: int) -> bool:
        """Whether a value carries the query; the project's types among what does are added to ``found``."""
        if isinstance(value, torch.Tensor | np.ndarray):
            return value.ndim > 0 and value.shape[0] == self._queries
        if isinstance(value, float):
            return value == self._mean
        if isinstance(value, str):
            return any(shown in value for shown in self._shown)
        if depth == 0 or isinstance(value, int | bytes | Path | type | torch.nn.Module) or value is None:
            return False
        if isinstance(value, Mapping):
            parts = [self._carries(part, found, depth - 1) for part in value.values()]
            carries = any(parts)
        elif isinstance(value, list | tuple | set | frozenset | deque):
            parts = [self._carries(part, found, depth - 1) for part in value]
            carries = any(parts)
        elif is_dataclass(value):
            parts = [self._carries(getattr(value, one.name, None), found, depth - 1) for one in fields(value)]
            carries = any(parts)
        elif _is_own(type(value)):
            carries = any(self._of_rows(part) for part in getattr(value, "__dict__", {}).values())
        else:
            return False
        if carries and _is_own(type(value)):
            found.setdefault(type(value))
        return carries

    def _of_rows(self, value: object) -> bool:
        """Whether it is an array with a row per query, or a container of such."""
        if isinstance(value, dict):
            return any(map(self._of_rows, value.values()))
        if isinstance(value, list | tuple):
            return any(map(self._of_rows, value))
        return isinstance(value, torch.Tensor | np.ndarray) and value.ndim > 0 and len(value) == self._queries


def _arguments(frame: FrameType) -> Iterator[object]:
    code, flags = frame.f_code, frame.f_code.co_flags
    count = code.co_argcount + code.co_kwonlyargcount + bool(flags & 0x04) + bool(flags & 0x08)  # *args, **kwargs
    for name in code.co_varnames[:count]:
        if name in frame.f_locals:
            yield frame.f_locals[name]


def _own_file(code: CodeType) -> str | None:
    """Short name of a function's file; None if it is not the project's, or no function that somebody wrote."""
    if code.co_name.startswith("<") and code.co_name != "<lambda>":
        return None
    path = Path(code.co_filename)
    own = any(part.startswith(_OWN) for part in path.parts) and path.suffix == ".py" and path.exists()
    return _shortened(code.co_filename) if own and "site-packages" not in path.parts else None


def _shortened(file: str) -> str:
    """From the folder of the project's package on."""
    parts = Path(file).parts
    start = max(place for place, part in enumerate(parts) if part.split("_")[0] == _OWN and "-" not in part)
    return "/".join(parts[start:])


def _is_own(kind: type) -> bool:
    return kind.__module__.split(".")[0].split("_")[0] == _OWN


def _run(results: Path, queries: int) -> None:
    """The main job, as the command runs it."""
    arguments, sys.argv = sys.argv, ["robusthash", *JOB, "--queries", str(queries), "--results", str(results)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_module("robusthash", run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        sys.argv = arguments


def follow(queries: int = QUERIES) -> Way:
    """Runs the job and follows its queries.

    Args:
        queries: how many: a prime that no other axis has.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        _run(results, queries)
        (record,) = results.rglob(f"{ATTACK}-*.json")
        told = json.loads(record.read_text())
        mean = told["metrics"]["adversarial"][told.get("headline") or "map"]["value"]
        record.unlink()
        tracer = Tracer(queries, mean)
        sys.setprofile(tracer)
        try:
            _run(results, queries)
        finally:
            sys.setprofile(None)
        (again,) = results.rglob(f"{ATTACK}-*.json")
        if json.loads(again.read_text())["metrics"] != told["metrics"]:
            raise SystemExit("the traced run gave other numbers than the first: the mean cannot be followed")
    return tracer.way


def main() -> None:
    """The command: see the module's own words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name them")
    parser.add_argument("--queries", type=int, default=QUERIES)
    options = parser.parse_args()
    way = follow(options.queries)
    if options.list:
        for part in fields(way):
            print(f"{part.name}:", *(f"  {file}: {name}" for file, name in getattr(way, part.name)), sep="\n")
    print(way)
    if len(way.hops) > HOPS or len(way.types) > TYPES:
        raise SystemExit(f"a query's way has grown: at most {HOPS} hops and {TYPES} types; --list names them")


if __name__ == "__main__":
    main()
