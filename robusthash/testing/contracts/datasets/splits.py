"""The splits of a dataset: aligned, of 8-bit images that do not depend on how they are read, and apart."""

import pytest
import torch

from robusthash.contracts import Images, RetrievalData, Split
from robusthash.errors import DatasetError
from robusthash.pixels import from_levels
from robusthash.testing.contracts.datasets.fixtures import DatasetFixtures

_FEW = 8  #: images read by a test
_MANY = 2_000  #: images of a split that are looked for in another


class Splits(DatasetFixtures):
    """Tests of a dataset's splits."""

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

    def test_every_item_can_be_read(self, data: RetrievalData) -> None:
        """A split has as many images as it says: the last one is there, and none comes after it."""
        for split in (data.query, data.database, data.train):
            last = len(split) - 1
            assert split.images.read([last]).shape == (1, 3, *split.images.size)
            with pytest.raises((IndexError, DatasetError)):
                split.images.read([last + 1])

    def test_queries_and_database_do_not_overlap(self, data: RetrievalData) -> None:
        """A query in the database would find itself."""
        overlap = set(data.query.ids) & set(data.database.ids)
        assert bool(overlap) == self.queries_in_database
        assert len(set(data.query.ids)) == len(data.query)
        assert len(set(data.database.ids)) == len(data.database)

    def test_no_query_is_in_the_database_under_another_id(self, data: RetrievalData) -> None:
        """No picture of the query split is in the database, pixel by pixel."""
        if self.queries_in_database or self.repeated_pictures:
            pytest.skip("it says so itself, by a class attribute")
        queries, items = _pictures(data.query), _pictures(data.database)
        twice = [(queries[picture], items[picture]) for picture in queries.keys() & items.keys()]
        assert not twice, "ids of queries and of items with the very same pixels"


def _pictures(split: Split) -> dict[bytes, str]:
    """Ids by pixels, of as many items as are compared."""
    images: Images = split.images
    rows = range(min(_MANY, len(split)))
    return {
        picture.numpy().tobytes(): split.ids[row]
        for start in rows[::100]
        for row, picture in enumerate(images.read(rows[start : start + 100]), start)
    }
