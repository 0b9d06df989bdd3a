"""Captions as bags of words: a vocabulary of the train split by scikit-learn, kept with the digest of what made it."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from robusthash.contracts import ArrayTexts, Inputs, Modality
from robusthash.errors import DatasetError, OptionError, StorageError
from robusthash.files.opening import DAMAGED
from robusthash.files.storage import write_atomically

_VERSION = "robusthash bags 1"  #: changes with the content of the cache


@dataclass(frozen=True, kw_only=True)
class Words:
    """How captions become bags of words.

    Attributes:
        most: largest vocabulary: its most frequent words; None is all.
        least: least number of train items that have a word.
        stop_words: whether English words without meaning of their own, such as "the", are left out.
    """

    most: int | None = None
    least: int = 5
    stop_words: bool = True

    def __post_init__(self) -> None:
        if self.least < 1 or (self.most is not None and self.most < 1):
            raise OptionError(f"least={self.least}, most={self.most}", hint="at least 1; most may be none")


def bags_of(captions: Mapping[str, Sequence[str]], words: Words, cache: Path, *, where: str) -> dict[str, Inputs]:
    """Bags of words of the splits' captions, each word there or not.

    The vocabulary is that of the train split; a word of another split that it lacks is nowhere.

    Args:
        captions: by split, with ``train``: one text an item; several captions of an item are joined by spaces.
        words: how they become bags.
        cache: folder where vocabularies and bags are kept.
        where: the file of the captions, for errors.

    Raises:
        DatasetError: no word of the train split is frequent enough.
    """
    told = json.dumps([_VERSION, repr(words), {name: list(texts) for name, texts in captions.items()}], sort_keys=True)
    kept = cache / "texts" / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.npz"
    counts = {name: len(texts) for name, texts in captions.items()}
    found = _kept(kept, counts)
    if found is None:
        found = _counted(captions, words, where)
        _keep(kept, *found)
    vocabulary, bags = found
    modality = Modality.text(len(vocabulary), tags=True)
    return {
        name: ArrayTexts(torch.from_numpy(bag.astype(np.float32)), modality, vocabulary, captions[name])
        for name, bag in bags.items()
    }


_Bags = tuple[tuple[str, ...], dict[str, np.ndarray]]


def _counted(captions: Mapping[str, Sequence[str]], words: Words, where: str) -> _Bags:
    # Imported here: it takes a second, and a vocabulary is made once.
    from sklearn.feature_extraction.text import CountVectorizer

    stop: Literal["english"] | None = "english" if words.stop_words else None
    vectoriser = CountVectorizer(binary=True, min_df=words.least, max_features=words.most, stop_words=stop)
    try:
        vectoriser.fit(captions["train"])
    except ValueError as error:
        raise DatasetError(
            f"{where}: no word is in {words.least} captions of the train split", hint="lower the option least"
        ) from error
    vocabulary = tuple(str(word) for word in vectoriser.get_feature_names_out())
    return vocabulary, {
        name: vectoriser.transform(texts).toarray().astype(np.uint8) for name, texts in captions.items()
    }


def _kept(kept: Path, counts: Mapping[str, int]) -> _Bags | None:
    try:
        with kept.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            vocabulary = tuple(str(word) for word in arrays["vocabulary"])
            bags = {name: np.unpackbits(arrays[name], axis=1, count=len(vocabulary)) for name in counts}
    except DAMAGED:
        return None  # not cached, or damaged: it is made again
    return (vocabulary, bags) if all(len(bags[name]) == count for name, count in counts.items()) else None


def _keep(kept: Path, vocabulary: tuple[str, ...], bags: Mapping[str, np.ndarray]) -> None:
    content = io.BytesIO()
    packed: dict[str, Any] = {name: np.packbits(bag, axis=1) for name, bag in bags.items()}
    np.savez(content, vocabulary=np.array(vocabulary), **packed)
    try:
        write_atomically(kept, content.getvalue())
    except StorageError:
        return  # without a cache, it is only made again
