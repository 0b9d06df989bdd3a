"""The contract of datasets: their splits, texts beside their images, and how they load.

::

    class TestMine(DatasetContract):
        @pytest.fixture
        def dataset(self) -> Dataset:
            return Mine()

        @pytest.fixture
        def context(self, tmp_path: Path) -> DatasetContext:
            ...  # a few files in the real layout, written by the test
            return DatasetContext(root=tmp_path, cache=tmp_path / "cache")
"""

from robusthash.testing.contracts.datasets.loading import Loading
from robusthash.testing.contracts.datasets.splits import Splits
from robusthash.testing.contracts.datasets.texts import Texts

__all__ = ["DatasetContract"]


class DatasetContract(Splits, Texts, Loading):
    """The contract of datasets. Override the fixtures ``dataset``, ``spec`` and, if it needs files, ``context``."""
