"""Writes an edited text as somebody would type it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robusthash.contracts import Norm, misspelt

Change = tuple[int | None, int | None]  #: the word that was dropped, and the one that it became


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """An edited text.

    Attributes:
        text: the text.
        changes: each as ``dog > dig``; a word that was added alone is ``> dig``, one that was dropped alone ``dog >``.
        places: number of places in the text that changed. A word that is there twice is changed twice.
    """

    text: str
    changes: tuple[str, ...]
    places: int


def rewritten(text: str, pairs: Iterable[Change], vocabulary: Sequence[str], norm: Norm) -> Rewritten:
    """A text with some words changed, wherever they are in it, and words that become none misspelt, or left out.

    Args:
        text: as a person wrote it; case does not matter.
        pairs: which word of the vocabulary became which.
        vocabulary: the words.
        norm: of the threat: a character that is edited leaves a misspelt word, which is not in the vocabulary.

    >>> rewritten("A dog, and a Dog.", [(0, 1)], ["dog", "cat"], Norm.WORDS).text
    'A cat, and a Cat.'
    >>> rewritten("a dog runs", [(0, None)], ["dog", "cat"], Norm.CHARACTERS).text
    'a dgo runs'
    """
    become: dict[str, str] = {}
    appended: list[str] = []
    for old, new in pairs:
        if old is None:
            appended += [] if new is None else [vocabulary[new]]
        elif new is not None:
            become[vocabulary[old]] = vocabulary[new]
        else:
            become[vocabulary[old]] = misspelt(vocabulary[old], vocabulary) if norm is Norm.CHARACTERS else ""
    # A hyphenated word of the vocabulary is another word than its parts, and stays.
    stays = {word for word in vocabulary if "-" in word and not become.keys().isdisjoint(word.split("-"))}
    places = len(appended)

    def changed(found: re.Match[str]) -> str:
        nonlocal places
        new = become.get(found[0].lower())
        if new is None:
            return found[0]
        places += 1
        return new.capitalize() if found[0][0].isupper() else new

    if become:
        words = sorted({*become, *stays}, key=len, reverse=True)
        pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)"
        text = re.sub(pattern, changed, text, flags=re.IGNORECASE)
    told = (*(f"{old} > {new}".strip() for old, new in become.items()), *(f"> {word}" for word in appended))
    return Rewritten(text=" ".join([*text.split(), *appended]), changes=told, places=places)
