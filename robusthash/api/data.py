"""Loads datasets."""

from collections.abc import Mapping
from typing import Any

from robusthash.api import arguments
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath, make_settings
from robusthash.api.surroundings import reporting
from robusthash.contracts import Dataset, RetrievalData
from robusthash.evaluation.victims.resources import Resources


def load_dataset(
    name: str | Dataset,
    *,
    root: AnyPath | None = None,
    image_size: int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> RetrievalData:
    """Loads a dataset: its query, database and train splits.

    Args:
        name: registered name, such as ``digits``, or a dataset.
        root: folder with the dataset's files, for those that need one.
        image_size: height and width in pixels; None is the dataset's own.
        options: of a registered dataset, by field.
        progress: show a progress bar; None shows one in a notebook and on a terminal.

    Raises:
        UsageError: there is no such dataset, or an option is wrong.
        DatasetError: files are missing or wrong.
    """
    found = arguments.one(name, "dataset", (str, Dataset))
    given = {} if options is None else {str(found): arguments.one(options, "options", Mapping)}
    settings = {"data_root": root, "image_size": image_size}
    with reporting(progress=progress) as report:
        return Resources(make_settings(load_dataset, found, given, settings), installed(), report).data
