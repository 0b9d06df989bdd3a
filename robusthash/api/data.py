"""Loads datasets."""

from collections.abc import Mapping
from typing import Any

from robusthash.api import arguments
from robusthash.api.objects import AnyDataset
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath, make_settings
from robusthash.api.surroundings import reporting
from robusthash.contracts import Dataset, RetrievalData
from robusthash.evaluation.victims.resources import Resources


def load_dataset(
    name: AnyDataset,
    *,
    root: AnyPath | None = None,
    image_size: int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> RetrievalData:
    """Loads a dataset: its query, database and train splits.

    Args:
        name: registered name, such as ``digits``; a dataset; or the parts of another library's, such as
            ``{"train": train, "test": test}``.
        root: folder with the dataset's files, for those that need one.
        image_size: height and width in pixels; None is the dataset's own.
        options: of a registered dataset, by field.
        progress: show a progress bar; None shows one in a notebook and on a terminal.

    Raises:
        UsageError: there is no such dataset, or an option is wrong.
        DatasetError: files are missing or wrong.
    """
    given = {}
    if options is not None:
        named = arguments.one(name, "dataset that options are of", (str, Dataset))
        given = {str(named): arguments.one(options, "options", Mapping)}
    settings = {"data_root": root, "image_size": image_size}
    with reporting(progress=progress) as report:
        return Resources(make_settings(load_dataset, name, given, settings), installed(), report).data
