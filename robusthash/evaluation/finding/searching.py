"""Searches: which items a model finds near a picture, a text, or a query of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from robusthash.contracts import IMAGE, TEXT, Inputs, Progress, silent
from robusthash.errors import DatasetError, InputError, UsageError
from robusthash.evaluation.finding.files import read_hashed
from robusthash.evaluation.finding.finder import Finder, one_model
from robusthash.evaluation.finding.found import Answer, Found, Neighbour
from robusthash.evaluation.finding.hashed import Hashed, Maker, Source
from robusthash.evaluation.finding.hashing import hash_pictures, hash_split, represent
from robusthash.evaluation.finding.pictures import Pictures, found_pictures, named_pictures
from robusthash.evaluation.finding.wording import bags
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.scoring.answers import check_ids
from robusthash.evaluation.victims.system import Database, System
from robusthash.host import PluginHost

USUAL = 10  #: neighbours of a query
_OWN = Path()  #: what the paths of queries are relative to


@dataclass(frozen=True, kw_only=True)
class Queries:
    """What is searched for: one of pictures, texts and ids; if there is none, queries that the setting draws.

    Attributes:
        pictures: pictures, and folders of them.
        texts: as a person writes them.
        ids: of the dataset's query split.
        drawn: whether the setting's number of queries is drawn from the dataset's query split.

    Raises:
        UsageError: there is nothing to search for, or things of several kinds.
    """

    pictures: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    drawn: bool = False

    def __post_init__(self) -> None:
        given = {
            "pictures": bool(self.pictures),
            "--text": bool(self.texts),
            "--query": bool(self.ids),
            "--queries": self.drawn,
        }
        named = [name for name, there in given.items() if there]
        if len(named) != 1:
            raise UsageError(
                f"{' and '.join(named)} are given, and a search has queries of one kind"
                if named
                else "there is nothing to search for",
                hint="name pictures, or --text, or --query ID of the dataset, or --queries N that are drawn",
            )

    @property
    def modality(self) -> str | None:
        """What they are; None if that depends on the dataset."""
        return IMAGE if self.pictures else TEXT if self.texts else None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """Hashed items, with their inputs, if these are at hand."""

    hashed: Hashed
    view: Inputs | None


def search(
    request: Request,
    host: PluginHost,
    queries: Queries,
    *,
    database: Path | Hashed | None = None,
    neighbours: int = USUAL,
    progress: Progress = silent,
) -> Found:
    """The nearest items of each query.

    Args:
        request: one model, with its setting.
        host: the plugins.
        queries: what is searched for.
        database: what is searched: a folder of pictures, or a file of hashed items, or these; None is the dataset's
            database.
        neighbours: number of items of each query.
        progress: called with (done, total, what).

    Raises:
        UsageError: a name or an option is wrong, or the model has no such direction.
        InputError: a file cannot be read, or was made by another model.
        DatasetError: the dataset cannot be read.
    """
    one_model(request)
    given = found_pictures(queries.pictures)
    stored = read_hashed(database) if isinstance(database, Path) and not database.is_dir() else database
    from_dataset = not given or stored is None
    item = stored.made.modality if isinstance(stored, Hashed) else None if stored is None else IMAGE
    with Finder(request, host, progress, from_dataset=from_dataset) as finder:
        system = finder.system(query=queries.modality, item=item)
        asked = _queries(queries, given, system)
        searched = _items(stored, system)
        asked.hashed.made.require_comparable(searched.hashed.made, str(database or searched.hashed.source))
        return _found(asked, searched, system, neighbours)


def _queries(queries: Queries, pictures: Sequence[str], system: System) -> _Seen:
    resources, model = system.resources, system.query_model
    if pictures:
        view = Pictures.like(resources.data.query.images, _OWN, pictures)
        return _Seen(hashed=hash_pictures(system.victim, model, view, resources), view=view)
    if queries.texts:
        texts = bags(queries.texts, resources.data.query.view(TEXT))
        return _Seen(hashed=_hashed(texts, queries.texts, Source(folder=str(_OWN.absolute())), system), view=texts)
    split = resources.queries if queries.drawn else resources.data.query.take(_places(queries.ids, system))
    inputs = split.view(system.modality.name)
    source = Source(dataset=resources.data.name, split=split.name)
    hashed = _hashed(inputs, split.ids, source, system, classes=resources.data.classes, labels=split.labels)
    return _Seen(hashed=hashed, view=inputs)


def _hashed(view: Inputs, names: Sequence[str], source: Source, system: System, **labels: Any) -> Hashed:
    made = Maker.of(system.victim, system.query_model, view)
    items = represent(system.query_model, view, range(len(view)), system.resources)
    return Hashed(made=made, representation=items, names=tuple(names), source=source, **labels)


def _places(ids: Sequence[str], system: System) -> list[int]:
    """Positions of ids in the dataset's query split."""
    known = {name: place for place, name in enumerate(system.resources.data.query.ids)}
    missing = [name for name in ids if name not in known]
    if missing:
        raise InputError(
            f"the query split of {system.resources.data.name} has no item {missing[0]!r}",
            hint=f"its {len(known)} ids are such as {', '.join(list(known)[:5])}; --queries N draws some",
        )
    return [known[name] for name in ids]


def _items(database: Path | Hashed | None, system: System) -> _Seen:
    data = system.resources.data
    if database is None:
        hashed = hash_split(system.victim, system.item_model, data.database, system.resources)
        return _Seen(hashed=hashed, view=data.database.view(system.item_model.modality.name))
    if isinstance(database, Hashed):
        return _Seen(hashed=database, view=_view_of(database, system))
    view = Pictures.like(data.query.images, database, named_pictures(database, "--database"))
    hashed = hash_pictures(system.victim, system.item_model, view, system.resources)
    kept = {name: place for place, name in enumerate(view.names)}
    return _Seen(hashed=hashed, view=view.take([kept[name] for name in hashed.names]))


def _view_of(hashed: Hashed, system: System) -> Inputs | None:
    """The inputs that hashed items were made of, if they are still where they were."""
    source, data, made = hashed.source, system.resources.data, hashed.made
    if source.folder is not None:
        root = Path(source.folder)
        if not root.is_dir():
            return None
        try:  # a stranger's file may name what is outside
            found = Pictures(root, hashed.names, size=made.shape[1], resize=made.resize, keeps=made.keeps)
        except DatasetError:
            return None
        found.broken = {}
        return found
    splits = {split.name: split for split in (data.query, data.database, data.train)}
    split = splits.get(source.split or "") if source.dataset == data.name else None
    return split.views.get(made.modality) if split is not None and split.ids == hashed.names else None


def _found(asked: _Seen, searched: _Seen, system: System, neighbours: int) -> Found:
    queries, items = asked.hashed, searched.hashed
    labels = items.labels if items.labels is not None else torch.zeros((len(items), 0), dtype=torch.uint8)
    with system.retriever.plugin.index(items.representation, items.made.space) as index:
        found = index.search(queries.representation, neighbours)
        database = Database(representation=items.representation, labels=labels, space=items.made.space, index=index)
        check_ids(found, index, queries.representation, database)
    judged = queries.labels is not None and items.labels is not None and queries.classes == items.classes
    answers = []
    for row, (distances, ids) in enumerate(zip(found.distances.tolist(), found.ids.tolist(), strict=True)):
        own = set(queries.labels_of(row))
        near = []
        for rank, (distance, item) in enumerate(zip(distances, ids, strict=True), start=1):
            if item < 0:
                break  # the index returned no more
            theirs = items.labels_of(item)
            near.append(
                Neighbour(
                    rank=rank,
                    item=item,
                    name=items.names[item],
                    distance=distance,
                    labels=theirs,
                    relevant=bool(own & set(theirs)) if judged else None,
                )
            )
        answers.append(Answer(query=queries.names[row], labels=queries.labels_of(row), neighbours=tuple(near)))
    return Found(
        answers=tuple(answers),
        model=system.victim.use.name,
        defense=system.victim.defense.name if system.victim.defense else None,
        space=items.made.space,
        direction=system.direction,
        searched=items.source,
        items=len(items),
        retriever=system.retriever.use.name,
        skipped=(*queries.skipped, *items.skipped),
        query_view=_kept(asked),
        item_view=searched.view,
    )


def _kept(asked: _Seen) -> Inputs:
    """The queries that could be read."""
    view = asked.view
    if isinstance(view, Pictures) and view.broken:
        return view.take([row for row in range(len(view)) if row not in view.broken])
    assert view is not None  # noqa: S101 - queries are at hand
    return view
