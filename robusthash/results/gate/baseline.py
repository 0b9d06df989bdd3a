"""A baseline: the per-query values of the cells that rules name, in one file that is made to be committed."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from robusthash.errors import InputError
from robusthash.files.locks import locked
from robusthash.files.opening import read_file
from robusthash.files.storage import write_atomically
from robusthash.results.gate.cells import Cell
from robusthash.results.gate.facts import frozen
from robusthash.results.records.outcome import Measure
from robusthash.results.rendering.escaping import visible

SCHEMA = 1
DIGITS = 4  #: decimals of a stored value; those of the results are rounded alike before they are compared

_LOOSE = 10**-DIGITS  #: by how much the mean of rounded values may differ from the rounded mean
_NEEDED = ("dataset", "queries", "metric", "stage")  #: facts of a setting that are read by name
_OF_VICTIM = ("model", "size", "defense")
_OF_ORIGIN = ("record", "weights", "created")

_Value = Annotated[float, Meta(ge=0, le=1)]


class _CellPart(Struct, kw_only=True, forbid_unknown_fields=True):
    victim: dict[str, str]
    setting: dict[str, str]
    origin: dict[str, str]
    reference: bool = False
    mean: _Value
    low: _Value
    high: _Value
    values: Annotated[list[_Value], Meta(min_length=1)]

    def __post_init__(self) -> None:
        for part, needed in ((self.setting, _NEEDED), (self.victim, _OF_VICTIM), (self.origin, _OF_ORIGIN)):
            lost = next((name for name in needed if name not in part), None)
            if lost:
                raise ValueError(f"{lost} is missing")
        if self.setting["queries"] != str(len(self.values)):
            raise ValueError(f"it has {len(self.values)} values of {self.setting['queries']} queries")
        if abs(sum(self.values) / len(self.values) - self.mean) > _LOOSE:
            raise ValueError(f"its values average {sum(self.values) / len(self.values):.4f}, its mean is {self.mean}")
        names = self.setting.keys()
        if "attack" in names and not ("surrogate" in names and ("epsilon" in names or {"edits", "norm"} <= names)):
            raise ValueError("epsilon or surrogate is missing")


class _File(Struct, kw_only=True, forbid_unknown_fields=True):
    schema: Literal[1]
    cells: list[_CellPart]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What results are compared with.

    Attributes:
        cells: sorted by what they are.
        path: of its file.
    """

    cells: tuple[Cell, ...] = ()
    path: Path


def read_baseline(path: Path) -> Baseline:
    """Reads a baseline.

    Raises:
        InputError: it cannot be read, or is no baseline; the message has the cell and the field.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise InputError(
            f"cannot read the baseline {path}: {error.strerror or error}", hint="robusthash baseline update writes one"
        ) from error
    try:
        plain = msgspec.json.decode(content)
        schema = plain.get("schema") if isinstance(plain, dict) else None
        if isinstance(schema, int) and schema > SCHEMA:
            raise InputError(f"{path} has schema {schema}, this version reads {SCHEMA}", hint="update robusthash")
        file = msgspec.convert(plain, _File)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        said = visible(str(error))
        raise InputError(
            f"{path} is not a baseline: {said}", hint="restore it, or make it again: robusthash baseline update"
        ) from error
    cells = tuple(map(_cell, file.cells))
    keys = [(frozen(cell.setting), frozen(cell.victim)) for cell in cells]
    if len(set(keys)) < len(keys):
        twice = next(cell for cell, key in zip(cells, keys, strict=True) if keys.count(key) > 1)
        raise InputError(f"{path} has {twice} twice", hint="make it again: robusthash baseline update")
    return Baseline(path=path, cells=cells)


def write_baseline(path: Path, cells: Iterable[Cell]) -> Baseline:
    """Writes a baseline: sorted, rounded, one line of values a cell, so that a diff shows what changed.

    Args:
        path: of the file.
        cells: what to store.

    Raises:
        InputError: the per-query values of a cell cannot be read.
        StorageError: the file cannot be written.
    """
    kept = sorted(cells, key=_order)
    blocks = ",\n".join(_block(cell) for cell in kept)
    text = f'{{\n  "schema": {SCHEMA},\n  "cells": [\n{blocks}\n  ]\n}}\n'
    write_atomically(path, text.encode())
    return Baseline(path=path, cells=tuple(kept))


def merge_baseline(path: Path, cells: Iterable[Cell]) -> Baseline:
    """Writes cells into a baseline; others that it has stay. Several processes may do so at the same time.

    Args:
        path: of the file; made if it does not exist.
        cells: what to store. One of the same setting and victim is replaced.

    Raises:
        InputError: the file is no baseline, or values cannot be read.
        StorageError: the file cannot be written.
    """
    with locked(path.with_name(f".{path.name}.lock")):
        stored = read_baseline(path).cells if path.exists() else ()
        every = {(frozen(cell.setting), frozen(cell.victim)): cell for cell in (*stored, *cells)}
        return write_baseline(path, every.values())


def paired_values(cell: Cell) -> list[float]:
    """The per-query values of a cell, rounded as a baseline stores them.

    Raises:
        InputError: they cannot be read, or their mean is not the cell's.
    """
    values = cell.values()
    if len(values) != cell.queries:
        raise InputError(
            f"{cell} has {len(values)} values of {cell.queries} queries", hint="evaluate again with --force"
        )
    mean = sum(values) / len(values)
    if abs(mean - cell.measure.value) > _LOOSE:
        raise InputError(
            f"the queries of {cell} average {mean:.4f}, but its result is {cell.measure.value:.4f}",
            hint="a metric that leaves out queries cannot be paired: use map; otherwise evaluate again with --force",
        )
    return [round(value, DIGITS) for value in values]


def _order(cell: Cell) -> tuple[str, ...]:
    return (str(cell), json.dumps([cell.setting, cell.victim], sort_keys=True))


def _block(cell: Cell) -> str:
    content = {
        "victim": dict(cell.victim),
        "setting": dict(cell.setting),
        "origin": dict(cell.origin),
        **({"reference": True} if cell.reference else {}),
        **{name: round(getattr(cell.measure, field), DIGITS) for name, field in _NUMBERS},
    }
    head = json.dumps(content, indent=2, ensure_ascii=False)[:-2]
    values = ", ".join(f"{value:.{DIGITS}f}" for value in paired_values(cell))
    lines = f'{head},\n  "values": [{values}]\n}}'.split("\n")  # a name may have other line breaks
    return "\n".join(f"    {line}" for line in lines)


_NUMBERS = (("mean", "value"), ("low", "low"), ("high", "high"))


def _cell(part: _CellPart) -> Cell:
    values: Sequence[float] = part.values
    return Cell(
        setting=part.setting,
        victim=part.victim,
        origin=part.origin,
        measure=Measure(value=part.mean, low=part.low, high=part.high, worst=part.low, best=part.high),
        values=lambda: values,
        reference=part.reference,
    )
