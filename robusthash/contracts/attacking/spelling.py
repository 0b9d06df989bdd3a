"""How many characters apart the words of a vocabulary are, and which word became which."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from string import ascii_lowercase, digits

import numpy as np

from robusthash.errors import ContractError


class Spelling:
    """Edit distances between the words of a vocabulary, each row computed once, when it is asked for.

    Args:
        words: the vocabulary.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._rows: dict[int, np.ndarray] = {}

    def row(self, word: int) -> np.ndarray:
        """The distance of a word from every word of the vocabulary: (d,) int64.

        Args:
            word: its position.
        """
        if word not in self._rows:
            self._rows[word] = edit_distances(self.words[word], self.words)
        return self._rows[word]

    def between(self, words: Sequence[int], others: Sequence[int]) -> np.ndarray:
        """The distance of each of some words from each of others: (words, others) int64."""
        return np.stack([self.row(word)[list(others)] for word in words]) if len(words) else np.zeros((0, len(others)))


@lru_cache(maxsize=8)
def spelling_of(vocabulary: tuple[str, ...]) -> Spelling:
    """The spelling of a vocabulary, shared by all threats on it.

    Raises:
        ContractError: a word is empty, or is there twice.
    """
    if len(set(vocabulary)) < len(vocabulary) or not all(vocabulary):
        raise ContractError("a vocabulary has empty words, or the same word twice", hint="each element is one word")
    return Spelling(vocabulary)


def edit_distances(word: str, others: Sequence[str]) -> np.ndarray:
    """Damerau-Levenshtein distances: the fewest characters inserted, deleted, substituted, or swapped with the next.

    It is the unrestricted distance, a metric (Lowrance and Wagner, J. ACM 22, 1975): what was swapped may be edited.

    Args:
        word: a word.
        others: d words.

    Returns:
        (d,) int64.

    >>> edit_distances("dog", ["dog", "dig", "odg", "dogs", "cat"]).tolist(), edit_distances("ca", ["abc"]).tolist()
    ([0, 1, 1, 1, 3], [2])
    """
    count, longest = len(others), max((len(other) for other in others), default=0)
    lengths = np.array([len(other) for other in others], dtype=np.int64)
    letters = np.zeros((longest, count), dtype=np.int64)
    for column, other in enumerate(others):
        letters[: len(other), column] = [ord(one) for one in other]
    every, far = np.arange(count), len(word) + longest + 1
    # Two rows and columns more than letters: the first are beyond the start of the words, where nothing can be swapped.
    table = np.full((len(word) + 2, longest + 2, count), far, dtype=np.int64)
    table[1:, 1] = np.arange(len(word) + 1)[:, None]
    table[1, 1:] = np.arange(longest + 1)[:, None]
    last: dict[str, int] = {}  # the last row of each letter of the word
    for row, letter in enumerate(word, start=1):
        match = np.zeros(count, dtype=np.int64)  # the last column with this letter
        for column in range(1, longest + 1):
            there = letters[column - 1]
            above = np.zeros(count, dtype=np.int64)
            for known, at in last.items():
                above[there == ord(known)] = at
            swapped = table[above, match, every] + (row - above - 1) + 1 + (column - match - 1)
            same = there == ord(letter)
            table[row + 1, column + 1] = np.minimum(
                np.minimum(table[row, column] + ~same, swapped),
                np.minimum(table[row + 1, column], table[row, column + 1]) + 1,
            )
            match[same] = column
        last[letter] = row
    found: np.ndarray = table[len(word) + 1, lengths + 1, every]
    return found


def misspelt(word: str, vocabulary: Collection[str]) -> str:
    """A word one character away that no vocabulary has: two letters swapped if possible, else one more or fewer.

    Args:
        word: a word.
        vocabulary: the words that it must not be.

    >>> misspelt("horse", {"horse"}), misspelt("aa", {"aa", "a"})
    ('hosre', 'aaa')
    """
    middle = sorted(range(1, len(word) - 1), key=lambda at: abs(at - len(word) // 2))
    places = [*middle, 0] if len(word) > 1 else []
    swapped = (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in places)
    shorter = (word[:at] + word[at + 1 :] for at in places)
    longer = (word + letter for letter in (word[-1], *ascii_lowercase, *digits))
    known = set(vocabulary) | {word, ""}
    found: str = next(typo for typo in chain(swapped, shorter, longer) if typo not in known)
    return found


def matched(costs: np.ndarray) -> np.ndarray:
    """The columns that rows are assigned to, each another one, so that their costs add up to the least sum.

    It is the Hungarian method, by shortest augmenting paths.

    Args:
        costs: (n, m) float with n at most m.

    Returns:
        (n,) int64.

    >>> matched(np.array([[1.0, 2.0, 9.0], [1.0, 9.0, 9.0]])).tolist()
    [1, 0]
    """
    rows, columns = costs.shape
    owner = np.full(columns + 1, -1)  # the row of each column; the last column is where a new row starts
    up, down = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        owner[columns], at = row, columns
        slack, seen, before = np.full(columns, np.inf), np.zeros(columns + 1, dtype=bool), np.full(columns, columns)
        while owner[at] >= 0:
            seen[at] = True
            reduced = costs[owner[at]] - up[owner[at]] - down[:columns]
            nearer = ~seen[:columns] & (reduced < slack)
            slack[nearer], before[nearer] = reduced[nearer], at
            following = int(np.where(seen[:columns], np.inf, slack).argmin())
            step = slack[following]
            up[owner[seen]] += step
            down[seen] -= step
            slack[~seen[:columns]] -= step
            at = following
        while at != columns:
            owner[at], at = owner[before[at]], before[at]
    found = np.zeros(rows, dtype=np.int64)
    for column, row in enumerate(owner[:columns]):
        if row >= 0:
            found[row] = column
    return found
