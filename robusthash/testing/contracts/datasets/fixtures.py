"""The fixtures of the contract of datasets."""

from pathlib import Path

import pytest

from robusthash.contracts import Dataset, DatasetContext, RetrievalData
from robusthash.specs import DatasetSpec
from robusthash.testing.contracts.objects import PluginObjectContract


class DatasetFixtures(PluginObjectContract):
    """Fixtures of the contract of datasets.

    Attributes:
        queries_in_database: whether the published splits have queries in the database, which is a fault of the splits.
        repeated_pictures: whether the original distribution has the same picture under several ids.
    """

    queries_in_database = False
    repeated_pictures = False

    @pytest.fixture
    def dataset(self) -> Dataset:
        """The dataset under test; a subclass overrides this."""
        pytest.skip("override the fixture `dataset` in a subclass")

    @pytest.fixture
    def plugin_object(self, dataset: Dataset) -> object:
        """The dataset."""
        return dataset

    @pytest.fixture
    def context(self, tmp_path: Path) -> DatasetContext:
        """The folders; a subclass overrides this if the dataset needs files."""
        return DatasetContext(root=None, cache=tmp_path / "cache")

    @pytest.fixture
    def data(self, dataset: Dataset, context: DatasetContext) -> RetrievalData:
        """The loaded dataset."""
        return dataset.load(context)

    @pytest.fixture
    def spec(self) -> DatasetSpec | None:
        """The spec of the dataset; a subclass overrides this."""
        return None
