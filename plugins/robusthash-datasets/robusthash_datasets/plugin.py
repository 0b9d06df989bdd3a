"""What this distribution offers; importable without torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import DatasetSpec

_CIFAR = "krizhevsky2009learning"


@hookimpl
def robusthash_datasets() -> Iterator[DatasetSpec]:
    """Digits, CIFAR-10, the multi-label sets of the literature, and the user's own pictures."""
    yield DatasetSpec(
        name="digits",
        factory="robusthash_datasets.digits:Digits",
        summary="1,797 handwritten digits that come with scikit-learn: 300 queries, 1,497 in the database",
        paper="alpaydin1998optical",
    )
    yield from _cifar()
    yield from _literature()
    yield DatasetSpec(
        name="lists",
        factory="robusthash_datasets.lists:Lists",
        summary="List files of a paper's code, with the images that they name, under --data-root",
    )
    yield DatasetSpec(
        name="folder",
        factory="robusthash_datasets.folder:Folder",
        summary="Your own pictures under --data-root: a folder for each class, or a table labels.csv",
    )


def _cifar() -> Iterator[DatasetSpec]:
    counts = {
        "cifar10": "1,000 queries, 54,000 in the database, 5,000 others to train on",
        "cifar10-1": "1,000 queries, 59,000 in the database, 5,000 of them to train on",
        "cifar10-2": "10,000 queries, 50,000 in the database, all of them to train on",
    }
    for name, text in counts.items():
        yield DatasetSpec(
            name=name,
            factory="robusthash_datasets.cifar:Cifar10",
            options={"protocol": name},
            summary=f"CIFAR-10, downloaded if need be: {text}",
            paper=_CIFAR,
        )


def _literature() -> Iterator[DatasetSpec]:
    yield DatasetSpec(
        name="flickr25k",
        factory="robusthash_datasets.literature:Flickr25k",
        summary="MIRFLICKR-25K with 38 labels, from lists and images under --data-root",
        paper="huiskes2008mir",
    )
    yield DatasetSpec(
        name="nuswide21",
        factory="robusthash_datasets.literature:NusWide21",
        summary="NUS-WIDE with its 21 most frequent concepts, from lists and images under --data-root",
        paper="chua2009nus",
    )
    yield DatasetSpec(
        name="mscoco",
        factory="robusthash_datasets.literature:MsCoco",
        summary="MS-COCO 2014 with its 80 categories, from lists and images under --data-root",
        paper="lin2014microsoft",
    )
