"""The datasets of this folder. Importable without torch."""

from collections.abc import Iterator

from robusthash.specs import DatasetSpec


def datasets() -> Iterator[DatasetSpec]:
    """Datasets with images and texts."""
    yield DatasetSpec(
        name="flickr8k",
        factory="robusthash_crossmodal.data.flickr8k:Flickr8k",
        summary="Flickr8k, 4,000 photographs with captions, 24 concepts: 400 queries, 3,600 others",
        paper="hodosh2013framing",
    )
    yield DatasetSpec(
        name="captioned",
        factory="robusthash_crossmodal.data.captioned:Captioned",
        summary="Your own images with captions under --data-root: a table, a text beside each, COCO's files and others",
    )
