"""Counts a database of codes in files in parts, which an executor runs: in this process, in others, on other machines.

Each worker opens the files by itself. Histograms of parts are whole numbers that add up, whoever counted which.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.boundary import blaming, breach
from robusthash.contracts import Executor, FinishedShard, Progress, ShardTask, Work, Workplace, in_use, run_tasks
from robusthash.errors import InputError, RobustHashError, UsageError
from robusthash.evaluation.finding.hashed import Hashed, Maker
from robusthash.files.mapping import mapped_array
from robusthash.metrics import DistanceHistograms, PackedLabels, Relevance
from robusthash.metrics.counting.words import Asked
from robusthash.metrics.given import GivenCodes, GivenLabels, given_codes, given_labels
from robusthash.metrics.streaming import asked_of, streamed_histograms

ITEMS = 1 << 22  #: items of a part; reading it takes longer than handing it out
_HASHED = ".safetensors"
_WHAT = "counting the database"


@dataclass(frozen=True, kw_only=True)
class CodeFiles:
    """Files of codes and labels, and how they are read. It can be pickled.

    Attributes:
        queries: files of the same queries' codes: ``.npy``, or what ``robusthash hash`` wrote.
        database: file of the items' codes.
        labels: of the queries; None takes those in the first file of queries.
        database_labels: of the items; None takes those in the file of the database.
        bits: code length of packed codes; None for signs or bits.
        classes: number of classes, if the labels are packed; None for multi-hot rows or class ids.
        relevance: when an item is relevant to a query.
    """

    queries: tuple[Path, ...]
    database: Path
    labels: Path | None = None
    database_labels: Path | None = None
    bits: int | None = None
    classes: int | None = None
    relevance: Relevance = Relevance.SHARE_ANY

    def absolute(self) -> "CodeFiles":
        """The same by absolute paths, for a process in another folder."""
        labels, items = ((None if path is None else path.absolute()) for path in (self.labels, self.database_labels))
        queries = tuple(path.absolute() for path in self.queries)
        return replace(self, queries=queries, database=self.database.absolute(), labels=labels, database_labels=items)


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenFiles:
    """The same, opened; what is in ``.npy`` files is read when it is used.

    Attributes:
        asked: the queries of all files, one file after another.
        items: codes of the database.
        present: labels of the items.
        count: queries of one file.
    """

    asked: Asked
    items: GivenCodes
    present: GivenLabels
    count: int

    @classmethod
    def of(cls, files: CodeFiles) -> "OpenFiles":
        """Opens files.

        Raises:
            InputError: a file cannot be read.
            UsageError: codes or labels are none, or do not fit one another.
        """
        stored = [_stored(path, files.bits) for path in files.queries]
        items = _stored(files.database, files.bits)
        for one in stored:
            if one.codes.bits != items.codes.bits or len(one.codes) != len(stored[0].codes):
                raise UsageError(
                    f"{one.path} has {len(one.codes)} codes of {one.codes.bits} bits; {stored[0].path} has "
                    f"{len(stored[0].codes)}, and the items of {files.database} have {items.codes.bits} bits",
                    hint="name files of the same queries, in the same order, that the database's model hashed",
                )
            if one.maker is not None and items.maker is not None:
                one.maker.require_comparable(items.maker, str(files.database))
        wanted, present = given_labels(
            _labels(files.labels, stored[0], files.classes, "--labels"),
            _labels(files.database_labels, items, files.classes, "--database-labels"),
            len(stored[0].codes),
            len(items.codes),
            names=("the labels of the queries", "the labels of the database"),
        )
        together = np.concatenate([one.codes.part(slice(None)) for one in stored])
        queries = GivenCodes(array=together, bits=items.codes.bits, packed=True)
        return cls(
            asked=asked_of(queries, wanted.repeated(len(stored)), files.relevance),
            items=items.codes,
            present=present,
            count=len(stored[0].codes),
        )

    def counted(self, rows: slice) -> DistanceHistograms:
        """The histograms of some items."""
        return streamed_histograms(
            self.asked,
            replace(self.items, array=self.items.array[rows]),
            replace(self.present, array=self.present.array[rows]),
            of=len(self.items),
        )

    def parts(self) -> list[ShardTask]:
        """Runs of items, one a task; an empty database has one, too."""
        starts = range(0, max(len(self.items), 1), ITEMS)
        return [ShardTask(cell=slice(start, start + ITEMS), shard=part) for part, start in enumerate(starts)]


@dataclass(frozen=True, kw_only=True)
class CountFactory:
    """Makes what counts a part, in another process. It can be pickled.

    Attributes:
        files: by paths that mean the same there.
    """

    files: CodeFiles

    def __call__(self) -> Work:
        """Opens the files."""
        return _work(OpenFiles.of(self.files))


def counted_by(executor: Executor, files: CodeFiles, opened: OpenFiles, progress: Progress) -> DistanceHistograms:
    """Counts a database.

    Args:
        executor: what runs the parts.
        files: of codes and labels.
        opened: the same.
        progress: called with (done, total, what) items.

    Raises:
        InputError: a worker cannot read a file.
        PluginError: the executor failed.
    """
    place = Workplace(here=_work(opened), elsewhere=CountFactory(files=files.absolute()), settings={"device": "cpu"})
    total, done = None, 0
    with in_use(executor, place) as running:
        for finished in run_tasks(running, iter(opened.parts())):
            if finished.error is not None:
                raise finished.error
            part = finished.result
            if not isinstance(part, DistanceHistograms):
                raise breach(running, f"returned {type(part).__name__} for a part", hint="yield results unchanged")
            total = part if total is None else total + part
            done += int(part.n_items[0]) if len(part.items) else 0
            progress(done, len(opened.items), _WHAT)
    if total is None or done != len(opened.items):
        raise breach(executor, f"counted {done} of {len(opened.items)} items", hint="run every task once")
    return total


def _work(opened: OpenFiles) -> Work:
    def run(task: ShardTask) -> FinishedShard:
        try:
            with blaming(None, "count a part of the database"):
                return FinishedShard(task=task, result=opened.counted(task.cell))
        except RobustHashError as error:
            return FinishedShard(task=task, error=error)

    return run


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stored:
    """Codes of a file, with the labels that it holds beside them, and what made them, where it says so."""

    path: Path
    codes: GivenCodes
    labels: Any
    maker: Maker | None


def _stored(path: Path, bits: int | None) -> _Stored:
    if path.suffix.lower() != _HASHED:
        codes = given_codes(mapped_array(path, "the codes"), f"the codes in {path}", bits)
        return _Stored(path=path, codes=codes, labels=None, maker=None)
    hashed = Hashed.read(path)
    if not hashed.made.space.binary:
        raise UsageError(
            f"{path} holds descriptors, {hashed.made.space}, and no codes",
            hint="robusthash eval scores models of descriptors",
        )
    array = hashed.representation.numpy()
    return _Stored(
        path=path,
        codes=given_codes(array, f"the codes in {path}", hashed.made.size),
        labels=hashed.labels,
        maker=hashed.made,
    )


def _labels(path: Path | None, stored: _Stored, classes: int | None, option: str) -> Any:
    """Labels from their file, or from that of the codes."""
    if path is None:
        if stored.labels is None:
            raise UsageError(f"{stored.path} holds no labels", hint=f"name a file of them: {option} FILE.npy")
        return stored.labels
    array = mapped_array(path, "the labels")
    if classes is None:
        return array
    width = -(-classes // 8)
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != width:
        raise InputError(
            f"{path} holds {array.shape} {array.dtype}, not labels of {classes} classes in bits",
            hint=f"(n, {width}) uint8, as numpy.packbits(labels, axis=1) makes them; rows of 0 and 1 without --classes",
        )
    return PackedLabels(octets=array, classes=classes)
