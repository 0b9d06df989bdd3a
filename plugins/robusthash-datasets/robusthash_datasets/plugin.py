"""What this distribution offers; importable without torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import DatasetSpec


@hookimpl
def robusthash_datasets() -> Iterator[DatasetSpec]:
    """The datasets of this distribution."""
    yield DatasetSpec(
        name="digits",
        factory="robusthash_datasets.digits:Digits",
        summary="1,797 handwritten digits that come with scikit-learn: 300 queries, 1,497 in the database",
        paper="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI 1998",
    )
