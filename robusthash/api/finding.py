"""Hashes pictures and datasets, and searches them."""

from os import PathLike
from typing import Any, Unpack

import torch

from robusthash.api import arguments
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.objects import AnyDataset
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath, Options, Settings, make_settings
from robusthash.api.surroundings import frozen, reporting
from robusthash.contracts import CrossModalHashModel, Defense, HashModel
from robusthash.errors import UsageError
from robusthash.evaluation import Request
from robusthash.evaluation.finding import searching
from robusthash.evaluation.finding.files import read_hashed, writer
from robusthash.evaluation.finding.found import Found
from robusthash.evaluation.finding.hashed import Hashed
from robusthash.evaluation.finding.searching import USUAL, Queries
from robusthash.evaluation.finding.storing import hash_items
from robusthash.evaluation.planning.request import NO_DEFENSE
from robusthash.specs import Direction

Model = str | Checkpoint | HashModel | CrossModalHashModel


def hash(  # noqa: A001 - named as the command is
    model: Model,
    folder: AnyPath | None = None,
    *,
    dataset: AnyDataset = "auto",
    split: str = "database",
    modality: str | None = None,
    bits: int = 32,
    defense: str | Defense = NO_DEFENSE,
    output: AnyPath | None = None,
    options: Options | None = None,
    progress: bool | None = None,
    **settings: Unpack[Settings],
) -> Hashed:
    """Hashes a folder of pictures, or a split of a dataset, as ``robusthash hash`` does.

    Args:
        model: a registered name, a checkpoint, ``path/to/file.py:build``, or a hash model.
        folder: of the pictures, read as a folder dataset's are; None is the split.
        dataset: a registered name, a dataset, its splits, or parts of another
            library's by name; ``auto`` is what the model suggests. A folder needs none,
            unless the model is trained by its name.
        split: of the dataset: ``query``, ``database`` or ``train``.
        modality: of the items, ``image`` or ``text``; None is images where there are any.
        bits: code length K, for a registered name; other models have their own.
        defense: a registered name or a defense; ``none`` is no defense.
        output: file that they are written to: ``.safetensors``, which can be searched, ``.csv`` or ``.jsonl``.
        options: by plugin, then by field.
        progress: show progress bars; None shows them in a notebook and on a terminal.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`.

    Returns:
        The codes or descriptors with their names; pictures that cannot be read are in ``skipped``.

    Raises:
        UsageError: a name, a type or a value is wrong.
        InputError: a file cannot be read, or the folder has no pictures.
        StorageError: the output cannot be written.
    """
    named = arguments.model(model)
    setting = make_settings(hash, dataset, options, settings, named)
    where = None if folder is None else arguments.path(folder, "folder")
    file = None if output is None else arguments.path(output, "output")
    if file is not None:
        writer(file)  # refuses an unknown suffix before the work
    with reporting(progress=progress) as report, frozen(*_own(named)):
        hashed = hash_items(
            _request(named, bits, defense, (), setting),
            installed(),
            folder=where,
            split=arguments.one(split, "split", str),
            modality=None if modality is None else arguments.one(modality, "modality", str),
            progress=report,
        )
    if file is not None:
        hashed.write(file)
    return hashed


def search(
    model: Model,
    pictures: AnyPath | list[AnyPath] | tuple[AnyPath, ...] = (),
    *,
    texts: str | list[str] | tuple[str, ...] = (),
    ids: str | list[str] | tuple[str, ...] = (),
    database: AnyPath | Hashed | None = None,
    neighbours: int = USUAL,
    dataset: AnyDataset = "auto",
    direction: str | None = None,
    bits: int = 32,
    defense: str | Defense = NO_DEFENSE,
    options: Options | None = None,
    progress: bool | None = None,
    **settings: Unpack[Settings],
) -> Found:
    """The nearest items of pictures, texts, or queries of a dataset, as ``robusthash search`` finds them.

    Args:
        model: a registered name, a checkpoint, ``path/to/file.py:build``, or a hash model.
        pictures: paths of pictures, and of folders of them.
        texts: instead, as a person writes them, for a model of texts.
        ids: instead, of the dataset's query split. Without any of the three, ``queries=N`` draws some.
        database: what is searched: a folder of pictures, what :func:`hash` returned, or its file; None is the dataset's
            database.
        neighbours: number of items of each query.
        dataset: a registered name, a dataset, its splits, or parts of another
            library's by name; ``auto`` is what the model suggests.
        direction: what searches for what, ``i2i``, ``i2t``, ``t2i`` or ``t2t``; None is the first that fits.
        bits: code length K, for a registered name; other models have their own.
        defense: a registered name or a defense; ``none`` is no defense.
        options: by plugin, then by field.
        progress: show progress bars; None shows them in a notebook and on a terminal.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`, such as ``queries`` and ``retriever``.

    Returns:
        What was found: at a prompt a table, and a contact sheet with ``picture(path)``.

    Raises:
        UsageError: a name, a type or a value is wrong.
        InputError: a file cannot be read, or the items were hashed by another model.
    """
    named = arguments.model(model)
    setting = make_settings(search, dataset, options, settings, named)
    ways = () if direction is None else (arguments.choice(direction, "direction", Direction),)
    queries = Queries(
        pictures=tuple(arguments.path(each, "picture") for each in arguments.listed(pictures)),
        texts=tuple(arguments.one(each, "text", str) for each in arguments.listed(texts)),
        ids=tuple(arguments.one(each, "id", str) for each in arguments.listed(ids)),
        drawn=setting.queries is not None,
    )
    with reporting(progress=progress) as report, frozen(*_own(named)):
        return searching.search(
            _request(named, bits, defense, ways, setting),
            installed(),
            queries,
            database=_database(database),
            neighbours=arguments.number(neighbours, "neighbours", least=1),
            progress=report,
        )


def _request(model: Any, bits: object, defense: object, ways: tuple[Direction, ...], setting: Any) -> Request:
    return Request(
        models=(model,),
        attacks=(),
        bits=(arguments.number(bits, "bits", least=1),),
        defenses=(arguments.one(defense, "defense", (str, Defense)),),
        directions=ways,
        setting=setting,
    )


def _database(value: object) -> Any:
    if value is None or isinstance(value, Hashed):
        return value
    if not isinstance(value, str | PathLike):
        raise UsageError(
            f"database is {arguments.told(value)}", hint="pass a folder, a file of hashed items, or what hash returned"
        )
    found = arguments.path(value, "database")
    return found if found.is_dir() else read_hashed(found)


def _own(model: object) -> list[torch.nn.Module]:
    """The caller's model, if it is an object."""
    return [model] if isinstance(model, torch.nn.Module) else []
