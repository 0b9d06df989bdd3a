"""The tests that every dataset must pass: subclass :class:`DatasetContract` and override its fixtures.

::

    class TestMine(DatasetContract):
        @pytest.fixture
        def dataset(self) -> Dataset:
            return Mine()

        @pytest.fixture
        def context(self, tmp_path: Path) -> DatasetContext:
            ...  # a few files in the real layout, written by the test
            return DatasetContext(root=tmp_path, cache=tmp_path / "cache")

Importing this module needs pytest, which is not a dependency of the core.
"""

from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest
import torch

from robusthash.contracts import Dataset, DatasetContext, Finding, RetrievalData, Split
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash.options import as_plain, build_options, describe
from robusthash.pixels import from_levels

_FEW = 8  #: images read by a test


class DatasetContract:
    """The contract of datasets.

    Attributes:
        queries_in_database: whether the published splits have queries in the database, which is a fault of the splits.
    """

    queries_in_database = False

    @pytest.fixture
    def dataset(self) -> Dataset:
        """The dataset under test; a subclass overrides this."""
        pytest.skip("override the fixture `dataset` in a subclass")

    @pytest.fixture
    def context(self, tmp_path: Path) -> DatasetContext:
        """The folders; a subclass overrides this if the dataset needs files."""
        return DatasetContext(root=None, cache=tmp_path / "cache")

    @pytest.fixture
    def data(self, dataset: Dataset, context: DatasetContext) -> RetrievalData:
        """The loaded dataset."""
        return dataset.load(context)

    def test_options_are_a_frozen_dataclass(self, dataset: Dataset) -> None:
        """Every option is documented, and can be stored in a record and read back."""
        described = describe(type(dataset))
        assert all(option.doc for option in described), "an option has no #: comment"
        assert build_options(type(dataset), as_plain(dataset), where="test") == dataset
        if described:
            with pytest.raises(FrozenInstanceError):
                setattr(dataset, fields(type(dataset))[0].name, None)  # type: ignore[arg-type]  # a Dataset is a dataclass

    def test_splits_are_as_described(self, data: RetrievalData) -> None:
        """Three non-empty splits; aligned, multi-hot labels; one column per class; images of one size."""
        assert len(set(data.classes)) == len(data.classes) > 0
        for name in ("query", "database", "train"):
            split: Split = getattr(data, name)
            assert split.name == name
            assert len(split) == len(split.images) == len(split.labels) == len(split.ids) > 0
            assert split.labels.dtype == torch.uint8
            assert split.labels.shape[1] == len(data.classes)
            assert int(split.labels.max()) == 1
            assert split.images.size == data.query.images.size
            assert all(split.ids)

    def test_images_are_eight_bit(self, data: RetrievalData) -> None:
        """(n, 3, h, w) uint8 of the declared size, equal to pixel space times 255; not uniform."""
        for split in (data.query, data.database, data.train):
            few = range(min(_FEW, len(split)))
            read = split.images.read(few)
            assert read.dtype == torch.uint8
            assert read.shape == (len(few), 3, *split.images.size)
            assert torch.equal(split.images.inputs(few), from_levels(read))
            assert int(read.max()) > int(read.min())
        assert data.query.images.read([]).shape == (0, 3, *data.query.images.size)

    def test_pixels_do_not_depend_on_the_order(self, data: RetrievalData) -> None:
        """An image is the same when it is read alone, among others, or again."""
        for split in (data.query, data.database, data.train):
            order = list(range(min(_FEW, len(split))))
            together = split.images.read(order)
            assert torch.equal(split.images.read(order[::-1]), together.flip(0))
            for position in order:
                assert torch.equal(split.images.read([position])[0], together[position])

    def test_a_train_item_is_the_same_in_the_database(self, data: RetrievalData) -> None:
        """An id has the same image and labels in all splits."""
        position = {name: i for i, name in enumerate(data.database.ids)}
        shared = [(i, position[name]) for i, name in enumerate(data.train.ids) if name in position]
        train, database = [i for i, _ in shared], [j for _, j in shared]
        assert torch.equal(data.train.labels[train], data.database.labels[database])
        assert torch.equal(data.train.images.read(train[:_FEW]), data.database.images.read(database[:_FEW]))

    def test_queries_and_database_do_not_overlap(self, data: RetrievalData) -> None:
        """A query in the database would find itself."""
        overlap = set(data.query.ids) & set(data.database.ids)
        assert bool(overlap) == self.queries_in_database
        assert len(set(data.query.ids)) == len(data.query)
        assert len(set(data.database.ids)) == len(data.database)

    def test_two_loads_are_the_same(self, dataset: Dataset, context: DatasetContext, data: RetrievalData) -> None:
        """Ids, labels, classes and digests."""
        again = dataset.load(context)
        assert again.digest == data.digest
        assert again.classes == data.classes
        for name in ("query", "database", "train"):
            assert getattr(again, name).ids == getattr(data, name).ids
            assert torch.equal(getattr(again, name).labels, getattr(data, name).labels)

    def test_another_image_size_is_other_data(
        self, dataset: Dataset, context: DatasetContext, data: RetrievalData
    ) -> None:
        """``--image-size`` gives images of that size, with the same items, under another digest."""
        size = data.query.images.size[0] + 8
        resized = dataset.load(replace(context, image_size=size))
        assert resized.query.images.size == (size, size)
        assert resized.query.images.read([0]).shape == (1, 3, size, size)
        assert resized.query.ids == data.query.ids
        assert resized.digest != data.digest

    def test_loading_changes_no_global_randomness(self, dataset: Dataset, context: DatasetContext) -> None:
        """Splits are drawn from a generator of their own."""
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        dataset.load(context).query.images.read([0])
        assert torch.equal(torch.rand(3), expected)

    def test_verification_finds_no_error(self, dataset: Dataset, context: DatasetContext) -> None:
        """Neither the dataset nor the host finds an error in valid data; findings have a place and one line."""
        findings, _ = verify(dataset, context)
        for finding in findings:
            assert isinstance(finding, Finding)
            assert finding.level in {"error", "warning"}
            assert finding.where
            assert finding.what.strip()
            assert "\n" not in finding.what
        errors = [finding for finding in findings if finding.level == "error"]
        assert bool(errors) == self.queries_in_database, errors

    def test_what_cannot_be_prepared_says_so(self, dataset: Dataset, context: DatasetContext) -> None:
        """A dataset without a preparation raises the typed error with a hint."""
        if type(dataset).prepare is not Dataset.prepare:
            pytest.skip("it has a preparation of its own")
        with pytest.raises(DatasetError) as caught:
            dataset.prepare(context, None)
        assert caught.value.hint
