"""Decoded images that are kept as they are read, without having been asked for: a second epoch decodes nothing."""

import warnings
from collections.abc import Mapping

from robusthash.contracts import DatasetContext, FileImages, Images
from robusthash.errors import DatasetError, RobustHashNote
from robusthash_datasets.images.decoded import DecodedImages, DecodedStore, record_length, unique_names
from robusthash_datasets.images.room import make_way, refusal, told

FOLDER = "decoded/kept"  #: in the cache, apart from what was asked for, which nothing removes
_LEAST = 1000  #: images; fewer are decoded in a second
_OFF = "the option decoded=none keeps none"


def with_kept(images: Mapping[str, FileImages], context: DatasetContext) -> Mapping[str, Images]:
    """Splits' images, which are kept as they are decoded, if they are many and the disk has room, as the user is told.

    Args:
        images: by split.
        context: cache folder.
    """
    files = list(images.values())
    count = len(unique_names(files))
    if count < _LEAST:
        return images
    folder, need = context.cache / FOLDER, count * record_length(files[0])
    why = refusal(folder, need)
    if why is not None:
        where = f"the option decoded=all keeps them in {folder.parent}"
        _note(f"{count:,} images are decoded whenever they are read: {why}; {where}")
        return images
    try:
        store = DecodedStore(files, folder)
    except DatasetError as error:
        _note(f"{count:,} images are decoded whenever they are read: {error.message}")
        return images
    if store.fresh:
        make_way(folder, need, store.file)
        _note(f"decoded images are kept in {folder} as they are read, {told(need)} for all {count:,}; {_OFF}")
    return {name: DecodedImages(one, store, keep=True) for name, one in images.items()}


def _note(text: str) -> None:
    warnings.warn(text, RobustHashNote, stacklevel=2)
