"""What splits are called by those who publish data, and which of the three each is."""

import re
from collections.abc import Sequence

_KINDS = {
    **dict.fromkeys(("query", "queries"), "query"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("database", "gallery"), "database"),
    **dict.fromkeys(("train", "training"), "train"),
}
#: Words that are part of such a name and say nothing: ``training_set``, ``test_images``, ``val2017``.
_WORDS = {"set", "images", "image", "imgs", "img", "data", "dataset", "split", "labels", "label"}


class SplitNames:
    """The names of a dataset's splits, as folders, tables, arrays or parts of an object have them.

    Items of ``val`` and ``test`` are queries. Where there is no database, what is trained on is searched, too: in a
    dataset that was published for classification, that is all there is.

    Args:
        names: all of them, each of which has a role.

    >>> names = SplitNames(["train", "val", "test"])
    >>> names.wrong(), names.split_of("val"), names.split_of("train")
    (None, 'query', 'database')
    >>> names.reading()
    'train is the database and the train split; val and test are the queries'
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._roles = {self.role(name) for name in names}

    @staticmethod
    def role(name: str) -> str | None:
        """The split that items under a name are; None if it is the name of something else.

        >>> [SplitNames.role(name) for name in ("Test", "train2017", "gallery_set", "cat")]
        ['query', 'train', 'database', None]
        """
        kind = _kind(name)
        return "query" if kind in {"test", "val"} else kind

    def wrong(self) -> str | None:
        """What is wrong with the names together, for an error; None if nothing is.

        >>> SplitNames(["train"]).wrong(), SplitNames(["query", "test", "database"]).wrong()
        ('no queries: query, test or val', 'query and test would both be the queries')
        """
        first: dict[str, str] = {}
        for name in self.names:
            kind = _kind(name)
            assert kind is not None  # noqa: S101 - all names have roles
            if kind in first:
                return f"{first[kind]} and {name} would both be the {kind} split"
            first[kind] = name
        other = first.get("test", first.get("val"))
        if "query" in first and other:
            return f"{first['query']} and {other} would both be the queries"
        if "query" not in self._roles:
            return "no queries: query, test or val"
        return None if self._roles & {"database", "train"} else "nothing to search: database or train"

    def split_of(self, name: str) -> str:
        """The split of the items under one of the names: ``query``, ``database`` or ``train``."""
        own = self.role(name)
        assert own is not None  # noqa: S101 - all names have roles
        return "database" if own == "train" and "database" not in self._roles else own

    def reading(self) -> str | None:
        """How the splits are read, in words; None if it is what their names say."""
        if set(self.names) <= {"query", "database", "train"} and "database" in self.names:
            return None
        both = "the database and the train split"
        told = {
            "train": "the train split" if "database" in self._roles else both,
            "database": "the database" if "train" in self._roles else both,
            "query": "the queries",
        }
        parts = {split: [name for name in self.names if self.role(name) == split] for split in told}
        listed = [(" and ".join(own), len(own), told[split]) for split, own in parts.items() if own]
        return "; ".join(f"{own} {'is' if count == 1 else 'are'} {what}" for own, count, what in listed)


def _kind(name: str) -> str | None:
    """Which of the usual names a name is: ``test`` of ``Test_Images``."""
    words = [word for word in re.findall(r"[^\W\d_]+", name.casefold()) if word not in _WORDS]
    return _KINDS.get(words[0]) if len(words) == 1 else None
