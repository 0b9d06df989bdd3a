"""Texts of the user's own, as the bags of words that a model takes."""

import re
import warnings
from collections.abc import Sequence

import torch

from robusthash.contracts import ArrayTexts, Inputs
from robusthash.errors import CapabilityError, InputError, RobustHashWarning

_WORD = re.compile(r"[\w-]+")
_SHOWN = 12  #: words of a vocabulary that an error names


def bags(texts: Sequence[str], view: Inputs) -> ArrayTexts:
    """Texts as bags of words of the vocabulary that a dataset's texts have: each word is there or not.

    A warning names the words that the vocabulary lacks.

    Args:
        texts: as a person writes them. Case does not matter.
        view: the dataset's texts.

    Raises:
        CapabilityError: the dataset's texts are not tags with a known vocabulary.
        InputError: a text has no word of the vocabulary.
    """
    vocabulary, modality = view.vocabulary, view.modality
    if vocabulary is None or not modality.tags:
        raise CapabilityError(
            "the dataset's texts are features without a vocabulary, which a text cannot be turned into",
            hint="search with a text of the dataset: --query ID",
        )
    words = {_spaced(word): column for column, word in enumerate(vocabulary)}
    box = modality.box
    rows = torch.full((len(texts), len(vocabulary)), box.low, dtype=torch.float32)
    for row, text in enumerate(texts):
        spaced = _spaced(text)
        present = [column for word, column in words.items() if word in spaced]
        if not present:
            raise InputError(
                f"no word of the text {text!r} is in the vocabulary of {len(vocabulary)} words",
                hint=f"it begins with: {', '.join(vocabulary[:_SHOWN])}",
            )
        rows[row, present] = box.high
        known = _spaced(" ".join(vocabulary[column] for column in present))
        lacking = [word for word in spaced.split() if f" {word} " not in known]
        if lacking:
            told = f"{text!r}: the vocabulary lacks {', '.join(map(repr, lacking))}, which is left out"
            warnings.warn(told, RobustHashWarning, stacklevel=2)
    return ArrayTexts(rows, modality, vocabulary, texts)


def _spaced(text: str) -> str:
    """The words of a text in lower case with a blank before and after each, so that whole words are found in it.

    >>> _spaced("Two dogs, one lower-left.")
    ' two dogs one lower-left '
    """
    return f" {' '.join(_WORD.findall(text.casefold()))} "
