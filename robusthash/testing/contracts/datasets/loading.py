"""Loading a dataset: the same each time, other data under another digest, and findings that a person can use."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robusthash.contracts import Dataset, DatasetContext, Finding, RetrievalData
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash.testing.contracts.datasets.altered import altered
from robusthash.testing.contracts.datasets.fixtures import DatasetFixtures


class Loading(DatasetFixtures):
    """Tests of loading a dataset."""

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

    def test_the_digest_covers_the_pixels(
        self, dataset: Dataset, context: DatasetContext, data: RetrievalData, tmp_path: Path
    ) -> None:
        """With other pixels in the same files, or in the same arrays, the digest is another one.

        Otherwise a cached model or code would be used for pictures that it has never seen.
        """
        other = altered(dataset, context, data, tmp_path / "altered")
        if other is None:
            pytest.skip("neither image files nor arrays of pixels were found to alter")
        assert other.query.ids == data.query.ids
        assert other.query.digest != data.query.digest, (
            "the digest ignores pixels: Images.identity must cover them, as FileImages and ArrayImages do"
        )

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
