"""Seeded faults of datasets, retrievers, metrics, executors and observers: the contract sees each."""

import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from robusthash import hookimpl
from robusthash.contracts import (
    TEXT,
    ArrayImages,
    ArrayTexts,
    Ball,
    Dataset,
    DatasetContext,
    Executor,
    Finding,
    FinishedShard,
    Images,
    Index,
    Inputs,
    Modality,
    Neighbours,
    RetrievalData,
    Retriever,
    RetrieverCapabilities,
    Running,
    ShardTask,
    Space,
    Split,
    Workplace,
)
from robusthash.errors import DatasetError, PluginError
from robusthash.metrics import RankedCounts, RankingMetric, Scores
from robusthash.retrieval import TorchRetriever
from robusthash.specs import MetricSpec
from robusthash.testing import (
    DatasetContract,
    ExecutorContract,
    MetricContract,
    ObserverContract,
    RetrieverContract,
    Reversed,
    toy_images,
)
from robusthash.testing.faults import faulty, sound

# --- datasets ---------------------------------------------------------------------------------------------------------


class Listed(Images):
    """Pictures in memory, which are identified by their names alone: the fault of `identity`."""

    def __init__(self, array: Tensor, *, claimed: int | None = None) -> None:
        self.array, self.size, self._claimed = array, (array.shape[2], array.shape[3]), claimed

    def __len__(self) -> int:
        return len(self.array) if self._claimed is None else self._claimed

    def read(self, indices: Sequence[int]) -> Tensor:
        return self.array[[min(i, len(self.array) - 1) for i in indices]]

    def identity(self) -> bytes:
        return b"pictures"


@dataclass(frozen=True, kw_only=True)
class Drawn(Dataset):
    """A sound dataset of toy pictures, to be spoilt below."""

    def load(self, context: DatasetContext) -> RetrievalData:
        query, database = self.split("query", 12, 1), self.split("database", 40, 2)
        train = Split(name="train", views=database.views, labels=database.labels, ids=database.ids)
        return RetrievalData(name="drawn", classes=tuple("abcd"), query=query, database=database, train=train)

    def split(self, name: str, count: int, seed: int) -> Split:
        images, labels = toy_images(count, seed=seed)
        ids = tuple(f"{name} {i}" for i in range(count))
        return Split.of_images(name=name, images=self.images(images), labels=labels, ids=ids)

    def images(self, images: Tensor) -> Images:
        return ArrayImages((images * 255).round().to(torch.uint8))

    def verify(self, context: DatasetContext) -> list[Finding]:
        return []


class IgnoresPixels(Drawn):
    def images(self, images: Tensor) -> Images:
        return Listed(super().images(images).read(range(len(images))))


class LiesAboutItsLength(Drawn):
    def images(self, images: Tensor) -> Images:
        return Listed(super().images(images).read(range(len(images) - 3)), claimed=len(images))


class AnotherDigestEachTime(Drawn):
    def images(self, images: Tensor) -> Images:
        levels = super().images(images).read(range(len(images)))
        return ArrayImages(levels ^ torch.randint(0, 2, levels.shape, dtype=torch.uint8))


class LeaksQueries(Drawn):
    def load(self, context: DatasetContext) -> RetrievalData:
        data = super().load(context)
        whole = torch.cat([data.database.images.read(range(39)), data.query.images.read([0])])
        ids = (*data.database.ids[:39], data.query.ids[0])
        labels = torch.cat([data.database.labels[:39], data.query.labels[:1]])
        database = Split.of_images(name="database", images=ArrayImages(whole), labels=labels, ids=ids)
        return replace(data, database=database)


class LeaksQueriesUnderOtherIds(LeaksQueries):
    def load(self, context: DatasetContext) -> RetrievalData:
        data = super().load(context)
        ids = tuple(f"picture {i}" for i in range(len(data.database)))
        views, labels = data.database.views, data.database.labels
        return replace(data, database=Split(name="database", views=views, labels=labels, ids=ids))


class ClassesOfOneName(Drawn):
    def load(self, context: DatasetContext) -> RetrievalData:
        return replace(super().load(context), classes=tuple("aacd"))


class SeedsEverything(Drawn):
    def load(self, context: DatasetContext) -> RetrievalData:
        torch.manual_seed(0)
        return super().load(context)


@dataclass(frozen=True, kw_only=True)
class Folder(Drawn):
    """Pictures in files, whose digest is over their names: a sound identity is that of `FileImages`."""

    def load(self, context: DatasetContext) -> RetrievalData:
        assert context.root is not None
        paths = sorted(context.root.glob("*.png"))
        if not paths:
            raise DatasetError("no pictures", hint="write some")
        array = torch.stack([torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) for path in paths])
        labels = torch.eye(2, dtype=torch.uint8)[torch.arange(len(paths)) % 2]
        splits = {}
        for name, rows in (("query", slice(0, 4)), ("database", slice(4, None)), ("train", slice(4, None))):
            ids = tuple(path.name for path in paths[rows])
            splits[name] = Split.of_images(name=name, images=Listed(array[rows]), labels=labels[rows], ids=ids)
        return RetrievalData(name="folder", classes=("a", "b"), **splits)


class TestIgnoresPixelsOfFiles(faulty(DatasetContract, "the_digest_covers_the_pixels", dataset=Folder)):  # type: ignore[misc]  # a class that is made
    @pytest.fixture
    def context(self, tmp_path: Path) -> DatasetContext:
        root = tmp_path / "pictures"
        root.mkdir()
        for i, levels in enumerate((toy_images(12, seed=0)[0] * 255).round().byte()):
            Image.fromarray(levels.permute(1, 2, 0).numpy()).save(root / f"{i:02d}.png")
        return DatasetContext(root=root, cache=tmp_path / "cache")


TestDrawn = sound(
    DatasetContract,
    "splits_are_as_described",
    "every_item_can_be_read",
    "the_digest_covers_the_pixels",
    "two_loads_are_the_same",
    "queries_and_database_do_not_overlap",
    "no_query_is_in_the_database_under_another_id",
    "loading_changes_no_global_randomness",
    dataset=Drawn,
)
TestIgnoresPixels = faulty(DatasetContract, "the_digest_covers_the_pixels", dataset=IgnoresPixels)
TestLiesAboutItsLength = faulty(DatasetContract, "every_item_can_be_read", dataset=LiesAboutItsLength)
TestAnotherDigestEachTime = faulty(DatasetContract, "two_loads_are_the_same", dataset=AnotherDigestEachTime)
TestLeaksQueries = faulty(DatasetContract, "queries_and_database_do_not_overlap", dataset=LeaksQueries)
TestLeaksQueriesUnderOtherIds = faulty(
    DatasetContract, "no_query_is_in_the_database_under_another_id", dataset=LeaksQueriesUnderOtherIds
)
TestClassesOfOneName = faulty(DatasetContract, "splits_are_as_described", dataset=ClassesOfOneName)
TestSeedsEverything = faulty(DatasetContract, "loading_changes_no_global_randomness", dataset=SeedsEverything)


@dataclass(frozen=True, kw_only=True)
class Described(Drawn):
    """A sound dataset of pictures with texts, to be spoilt below."""

    def load(self, context: DatasetContext) -> RetrievalData:
        data = super().load(context)
        return replace(data, **{name: self.with_texts(getattr(data, name)) for name in ("query", "database", "train")})

    def with_texts(self, split: Split) -> Split:
        words = self.words(split.labels.float())
        return replace(split, views={**split.views, TEXT: self.texts(words, split.name)})

    def words(self, labels: Tensor) -> Tensor:
        return labels.repeat(1, 2)

    def texts(self, words: Tensor, split: str) -> Inputs:
        return ArrayTexts(words, Modality.text(8, tags=True), tuple("abcdefgh"))


class Spelt(ArrayTexts):
    """Texts whose digest is over something else, or that are not in their box."""

    def __init__(self, words: Tensor, *, scale: float = 1.0, fixed: bool = True) -> None:
        super().__init__(words, Modality.text(8, tags=True), tuple("abcdefgh"))
        self._scale, self._fixed = scale, fixed

    def inputs(self, indices: Sequence[int]) -> Tensor:
        return super().inputs(indices) * self._scale

    def identity(self) -> bytes:
        return b"texts" if self._fixed else super().identity()


class IgnoresTexts(Described):
    def texts(self, words: Tensor, split: str) -> Inputs:
        return Spelt(words)


class TextsOutsideTheirBox(Described):
    def texts(self, words: Tensor, split: str) -> Inputs:
        return Spelt(words, scale=2.0, fixed=False)


class AnotherVocabularyForQueries(Described):
    def texts(self, words: Tensor, split: str) -> Inputs:
        vocabulary = tuple("hgfedcba" if split == "query" else "abcdefgh")
        return ArrayTexts(words, Modality.text(8, tags=True), vocabulary)


class OtherTextsInTrain(Described):
    def texts(self, words: Tensor, split: str) -> Inputs:
        return super().texts(words.flip(0) if split == "train" else words, split)


TestDescribed = sound(
    DatasetContract,
    "texts_are_as_described",
    "texts_are_those_of_their_items",
    "the_digest_covers_the_texts",
    dataset=Described,
)
TestIgnoresTexts = faulty(DatasetContract, "the_digest_covers_the_texts", dataset=IgnoresTexts)
TestTextsOutsideTheirBox = faulty(DatasetContract, "texts_are_as_described", dataset=TextsOutsideTheirBox)
TestAnotherVocabulary = faulty(DatasetContract, "texts_are_as_described", dataset=AnotherVocabularyForQueries)
TestOtherTextsInTrain = faulty(DatasetContract, "texts_are_those_of_their_items", dataset=OtherTextsInTrain)

# --- retrievers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Search(Retriever):
    """The core's search, to be spoilt below."""

    exact: bool = True  #: what it promises

    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=self.exact, max_k=None, radius=True)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        return _Index(items, space, key, self.capabilities, self)

    def found(self, neighbours: Neighbours, size: int) -> Neighbours:
        return neighbours

    def ball(self, ball: Ball, size: int) -> Ball:
        return ball


class _Index(Index):
    def __init__(self, items: Tensor, space: Space, key: str, capabilities: Any, how: Search) -> None:
        super().__init__(items, space, key, capabilities)
        self._right, self._how = TorchRetriever(device="cpu").index(items, space), how

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        return self._how.found(self._right.search(queries, k), self.size)

    def _within(self, queries: Tensor, radius: float) -> Ball:
        return self._how.ball(self._right.within(queries, radius), self.size)


class OffByOne(Search):
    def found(self, neighbours: Neighbours, size: int) -> Neighbours:
        return replace(neighbours, ids=(neighbours.ids + 1) % size)

    def ball(self, ball: Ball, size: int) -> Ball:
        return replace(ball, ids=(ball.ids + 1) % size)


class TiesBackwards(Search):
    """Nearest first, and ties by descending id."""

    def found(self, neighbours: Neighbours, size: int) -> Neighbours:
        order = (neighbours.distances * size * 2 - neighbours.ids).argsort(dim=1)
        return Neighbours(distances=neighbours.distances.gather(1, order), ids=neighbours.ids.gather(1, order))


class OpenBall(Search):
    """Leaves out the last item of all balls."""

    def ball(self, ball: Ball, size: int) -> Ball:
        offsets = ball.offsets.clone()
        offsets[-1] -= 1
        return Ball(offsets=offsets, distances=ball.distances[:-1], ids=ball.ids[:-1])


TestSearch = sound(RetrieverContract, "agrees_with_brute_force", "within_agrees_with_brute_force", retriever=Search)
TestOffByOne = faulty(
    RetrieverContract, "agrees_with_brute_force", "within_agrees_with_brute_force", retriever=OffByOne
)
TestApproximateOffByOne = faulty(
    RetrieverContract,
    "agrees_with_brute_force",
    "within_agrees_with_brute_force",
    retriever=lambda: OffByOne(exact=False),
)
TestTiesBackwards = faulty(RetrieverContract, "agrees_with_brute_force", retriever=TiesBackwards)
TestOpenBall = faulty(RetrieverContract, "within_agrees_with_brute_force", retriever=OpenBall)

# --- metrics ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Hits(RankingMetric):
    """Whether an item of the nearest bucket is relevant, to be spoilt below."""

    title: str = "hits"  #: its name

    @property
    def name(self) -> str:
        return self.title

    def per_query(self, counts: RankedCounts) -> Scores:
        return self.scores(counts, (counts.relevant / np.maximum(counts.items, 1)).max(1))

    def scores(self, counts: RankedCounts, values: np.ndarray) -> Scores:
        ones = np.ones(len(values))
        return Scores(expected=values, worst=0 * values, best=ones, counted=ones, conventional=counts.n_relevant == 0)


class NotANumber(Hits):
    def scores(self, counts: RankedCounts, values: np.ndarray) -> Scores:
        return super().scores(counts, np.where(counts.n_relevant == 0, np.nan, values))


class WrongLength(Hits):
    def scores(self, counts: RankedCounts, values: np.ndarray) -> Scores:
        return super().scores(counts, values[counts.n_relevant > 0])


class OneOrderOfTies(Hits):
    """The value of one order that a generator draws: it depends on who is scored beside whom."""

    def scores(self, counts: RankedCounts, values: np.ndarray) -> Scores:
        order = np.random.Generator(np.random.Philox(0)).random(len(values))
        return super().scores(counts, values * order)


class BeyondItsBest(Hits):
    def scores(self, counts: RankedCounts, values: np.ndarray) -> Scores:
        return super().scores(counts, values + 1.5)


def metric(cls: type, **options: object) -> object:
    return lambda: MetricSpec(
        name=str(options.get("title", "hits")), factory=f"{__name__}:{cls.__name__}", summary="A toy", options=options
    )


class TestOwnName(sound(MetricContract, "the_protocol_is_of_this_metric_alone", metric=Hits)):  # type: ignore[misc]  # made
    pass


TestAnothersProtocol = faulty(MetricContract, "the_protocol_is_of_this_metric_alone", metric=lambda: Hits(title="map"))
TestNotANumber = faulty(MetricContract, "every_query_has_a_finite_value", metric=NotANumber)
TestWrongLength = faulty(MetricContract, "every_query_has_a_finite_value", metric=WrongLength)
TestOneOrderOfTies = faulty(MetricContract, "queries_are_scored_each_on_its_own", metric=OneOrderOfTies)
TestBeyondItsBest = faulty(MetricContract, "the_expectation_lies_between_worst_and_best", metric=BeyondItsBest)

# --- executors --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class InOrder(Executor):
    """Runs tasks in this process, to be spoilt below."""

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:
        yield _Running(workplace, self)

    def done(self, workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        yield from map(workplace.here, tasks)


class _Running(Running):
    def __init__(self, workplace: Workplace, how: InOrder) -> None:
        self._workplace, self._how = workplace, how

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        return self._how.done(self._workplace, list(tasks))


class ForgetsTheLast(InOrder):
    def done(self, workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        yield from map(workplace.here, tasks[:-1])


class MixesUpResults(InOrder):
    def done(self, workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        found = [workplace.here(task) for task in tasks]
        for one, other in zip(found, found[1:] + found[:1], strict=True):
            yield replace(one, result=other.result)


class SwallowsErrors(InOrder):
    def done(self, workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        return (one for one in super().done(workplace, tasks) if one.error is None)


class LeavesAThread(InOrder):
    def done(self, workplace: Workplace, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        threading.Thread(target=time.sleep, args=(0.6,), daemon=True).start()
        yield from super().done(workplace, tasks)


class TestLeavesAThread(faulty(ExecutorContract, "nothing_is_left_running", executor=LeavesAThread)):  # type: ignore[misc]  # made
    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("robusthash.testing.contracts.executors._SECONDS", 0.2)


TestReversed = sound(ExecutorContract, "every_task_is_done_once", "nothing_is_left_running", executor=Reversed)
TestForgetsTheLast = faulty(ExecutorContract, "every_task_is_done_once", executor=ForgetsTheLast)
TestTakesAll = faulty(ExecutorContract, "tasks_are_taken_when_they_are_needed", executor=InOrder)
TestMixesUpResults = faulty(ExecutorContract, "every_task_is_done_once", executor=MixesUpResults)
TestSwallowsErrors = faulty(ExecutorContract, "errors_are_told_and_not_raised", executor=SwallowsErrors)

# --- observers --------------------------------------------------------------------------------------------------------


def observer(body: Any) -> Any:
    """A plugin with one observer hook."""

    @hookimpl
    def robusthash_cell_finished(record: Any) -> None:
        body(record)

    return lambda: SimpleNamespace(robusthash_cell_finished=robusthash_cell_finished)


def fail(record: Any) -> None:
    raise PluginError("no disk")


class TestSilent(ObserverContract):
    @pytest.fixture
    def observer(self) -> object:
        return observer(lambda record: None)()


TestPrints = faulty(ObserverContract, "standard_output_is_left_to_results", observer=observer(print))
TestChangesTheRecord = faulty(
    ObserverContract,
    "it_changes_nothing_that_it_is_shown",
    observer=observer(lambda record: record.attack.options.update(steps=1)),
)
TestDraws = faulty(
    ObserverContract,
    "it_leaves_the_process_as_it_was",
    observer=observer(lambda record: random.random()),  # noqa: S311 - the fault
)
TestRaises = faulty(ObserverContract, "a_whole_run_is_observed_without_an_error", observer=observer(fail))
TestObservesNothing = faulty(ObserverContract, "it_observes_something", observer=SimpleNamespace)
