"""Types of the options that take a name. They accept every text; what is a name is looked up later, with a near miss.

A shell completes what they know: plugins by kind, words, and files where a file may be named.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from robusthash.errors import RobustHashError
from robusthash.host import PluginHost, PluginKind, Registered, owner_of
from robusthash.specs import NAMED_WEIGHTS, Direction, Precision, Relevance, ScoreBy, Vote

if TYPE_CHECKING:
    _Text = click.ParamType[str]
else:
    _Text = click.ParamType  # click 8.2 has no type parameter here

_FILE = CompletionItem("", type="file")  #: the shell completes files itself


class OneOf(_Text):
    """A text, of which some words are known.

    Args:
        words: the words.
        files: whether it may be a file, too.
    """

    name = "text"

    def __init__(self, *words: str, files: bool = False) -> None:
        self.words = words
        self.files = files

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002, D102 - as in the base class
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002, D102 - as in the base class
        found = [item for item in self._items() if item.value.startswith(incomplete)]
        return [_FILE] if self.files and not found else found

    def _items(self) -> Iterator[CompletionItem]:
        yield from map(CompletionItem, self.words)


class NameOrPath(OneOf):
    """One of some words, or else a path, as a text.

    Args:
        words: what is no path.
    """

    name = "name or path"

    def __init__(self, *words: str) -> None:
        super().__init__(*words, files=True)


class PluginName(OneOf):
    """The name of a plugin of some kind.

    Args:
        kind: of the plugin; None is any.
        words: what may be named besides.
        files: whether a file may be, too.
        ending: of each name, such as ``.`` where an option of the plugin follows.
    """

    name = "name"

    def __init__(self, kind: PluginKind | None, *words: str, files: bool = False, ending: str = "") -> None:
        super().__init__(*words, files=files)
        self.kind = kind
        self._ending = ending

    def _items(self) -> Iterator[CompletionItem]:
        yield from super()._items()
        try:
            host = PluginHost.load()
        except RobustHashError:  # the command will say what is wrong; a shell would print it into the line
            return
        seen: dict[str, list[Registered]] = {}
        for kind in PluginKind if self.kind is None else (self.kind,):
            for one in host.all(kind):
                seen.setdefault(one.spec.name, []).append(one)
        for name, found in seen.items():
            yield CompletionItem(f"{name}{self._ending}", help=found[0].spec.summary)
            for one in found if self._ending and len(found) > 1 else ():  # an option says which of them it is for
                yield CompletionItem(f"{owner_of(host, one)}{self._ending}", help=one.spec.summary)


MODEL = PluginName(PluginKind.MODEL, files=True)
TRAINED = PluginName(PluginKind.MODEL)  #: a model that is trained here, and no file
ATTACK = PluginName(PluginKind.ATTACK)
DEFENSE = PluginName(PluginKind.DEFENSE, "none")
DATASET = PluginName(PluginKind.DATASET)
BACKBONE = PluginName(PluginKind.BACKBONE)
RETRIEVER = PluginName(PluginKind.RETRIEVER, "auto")
METRIC = PluginName(PluginKind.METRIC)
EXECUTOR = PluginName(PluginKind.EXECUTOR)
PLUGIN = PluginName(None)
OPTION = PluginName(None, "train.", ending=".")
SWEPT = PluginName(PluginKind.ATTACK, ending=".")

DEVICE = OneOf("auto", "cpu", "cuda", "cuda:1", "mps")
DIRECTION = OneOf(*Direction)
PRECISION = OneOf(*Precision)
RELEVANCE = OneOf(*Relevance)
SCORE_BY = OneOf(*ScoreBy)
VOTE = OneOf(*Vote)
MODALITY = OneOf("image", "text")
WEIGHTS = NameOrPath(*sorted(NAMED_WEIGHTS))
SPLIT = OneOf("query", "database", "train")
