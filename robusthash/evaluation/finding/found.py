"""What a search has found: the nearest items of each query, with their distances and labels."""

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from robusthash.contracts import Inputs, Space
from robusthash.evaluation.finding.hashed import Source
from robusthash.results.rendering.sheet import Column, Line, Table
from robusthash.specs import Direction

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_LEAST = 16  #: columns of text that a name is given before a terminal omits a column


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """An item that was found.

    Attributes:
        rank: from 1; of items at equal distances, those with the smaller position come first.
        item: its position among the items.
        name: its id, or its path in the folder.
        distance: in bits, or the cosine or Euclidean distance of descriptors.
        labels: its labels; none for pictures without labels.
        relevant: whether it has a label of the query; None if that is unknown.
    """

    rank: int
    item: int
    name: str
    distance: float
    labels: tuple[str, ...]
    relevant: bool | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The neighbours of one query.

    Attributes:
        query: its path, its text, or its id.
        labels: its labels.
        neighbours: the items, nearest first.
    """

    query: str
    labels: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a search has found. In a terminal it is a table.

    Attributes:
        answers: one per query.
        model: name of the model.
        defense: name of its defense; None for an undefended model.
        space: where items are compared.
        direction: what searched for what.
        searched: where the items are.
        items: their number.
        retriever: that searched.
        skipped: queries and items that could not be read, each with the reason.
        query_view: the queries' inputs.
        item_view: the items' inputs; None if they are not at hand.
    """

    answers: tuple[Answer, ...]
    model: str
    defense: str | None
    space: Space
    direction: Direction
    searched: Source
    items: int
    retriever: str
    skipped: tuple[tuple[str, str], ...]
    query_view: Inputs
    item_view: Inputs | None

    @property
    def title(self) -> str:
        """What was searched, by what."""
        defense = f" + {self.defense}" if self.defense else ""
        return f"{self.searched}: {self.items} items · {self.model}{defense} {self.space} · {self.direction}"

    @property
    def table(self) -> Table:
        """A line for each neighbour."""
        labelled = any(near.labels for answer in self.answers for near in answer.neighbours)
        judged = any(near.relevant is not None for answer in self.answers for near in answer.neighbours)
        columns = (
            Column(name="query", words=True, grouped=True, least=_LEAST),
            Column(name="rank"),
            Column(name="distance"),
            Column(name="item", words=True, least=_LEAST),
            *((Column(name="labels", words=True, omitted=1),) if labelled else ()),
            *((Column(name="relevant", words=True, omitted=0),) if judged else ()),
        )
        lines = []
        for answer in self.answers:
            own = f" ({', '.join(answer.labels)})" if answer.labels else ""
            for near in answer.neighbours:
                cells = [f"{answer.query}{own}", str(near.rank), self.written(near.distance), near.name]
                cells += [", ".join(near.labels)] * labelled
                cells += ["yes" if near.relevant else "no"] * judged
                lines.append(Line(cells=tuple(cells)))
        return Table(columns=columns, lines=tuple(lines), caption=self.title)

    def written(self, distance: float) -> str:
        """A distance, as it is shown."""
        return str(int(distance)) if self.space.binary else f"{distance:.4f}"

    def plain(self) -> dict[str, Any]:
        """All of it as JSON values, without the inputs."""
        return {
            "model": self.model,
            "defense": self.defense,
            "distance": str(self.space.distance),
            "size": self.space.size,
            "direction": str(self.direction),
            "searched": str(self.searched),
            "items": self.items,
            "retriever": self.retriever,
            "skipped": [{"name": name, "reason": reason} for name, reason in self.skipped],
            "queries": [
                {
                    "query": answer.query,
                    "labels": list(answer.labels),
                    "neighbours": [{**vars(near), "labels": list(near.labels)} for near in answer.neighbours],
                }
                for answer in self.answers
            ],
        }

    def picture(self, path: str | PathLike[str]) -> None:
        """Writes a contact sheet: a row for each query, the query first and its neighbours beside it.

        Args:
            path: of the picture, in a format that Pillow writes: ``.png``, ``.jpg``, ``.webp``.

        Raises:
            OptionError: the suffix is of no such format.
            StorageError: it cannot be written.
        """
        from robusthash.evaluation.finding.sheet import write_sheet

        write_sheet(self, path)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from robusthash.results.rendering.terminal import table_lines

        yield from table_lines(self.table, options)

    def __str__(self) -> str:
        from robusthash.results.rendering.terminal import as_text

        return as_text(self)

    def __repr__(self) -> str:
        return str(self)  # at a prompt: the table
