"""Hashes what a user names, for a file: a folder of pictures, or a split of a dataset."""

from pathlib import Path

from robusthash.contracts import IMAGE, Progress, silent
from robusthash.errors import UsageError
from robusthash.evaluation.finding.finder import Finder, one_model
from robusthash.evaluation.finding.hashed import Hashed
from robusthash.evaluation.finding.hashing import hash_pictures, hash_split
from robusthash.evaluation.finding.pictures import Pictures, named_pictures
from robusthash.evaluation.planning.request import Request
from robusthash.host import PluginHost

SPLITS = ("query", "database", "train")


def hash_items(
    request: Request,
    host: PluginHost,
    *,
    folder: Path | None = None,
    split: str = "database",
    modality: str | None = None,
    partial: Path | None = None,
    progress: Progress = silent,
) -> Hashed:
    """Hashes a folder of pictures, or a split of the dataset.

    Args:
        request: one model, with its setting.
        host: the plugins.
        folder: of the pictures; None is the split.
        split: of the dataset: ``query``, ``database`` or ``train``.
        modality: of the items, ``image`` or ``text``; None is images where there are any.
        partial: file of unfinished work on a folder, from which a killed run resumes; None keeps none.
        progress: called with (done, total, what).

    Raises:
        UsageError: a name or an option is wrong.
        CapabilityError: the model does not hash this modality.
        InputError: the folder has no pictures, or none can be read.
        DatasetError: the dataset cannot be read.
    """
    one_model(request)
    if split not in SPLITS:
        raise UsageError(f"there is no split {split!r}", hint=f"one of: {', '.join(SPLITS)}")
    if folder is not None and modality not in (None, IMAGE):
        raise UsageError(f"a folder has pictures, and not {modality}s", hint="leave out --modality")
    names = () if folder is None else named_pictures(folder, "the folder")
    with Finder(request, host, progress, from_dataset=folder is None) as finder:
        data = finder.resources.data
        wanted = modality or (IMAGE if folder is not None or IMAGE in data.modalities else None)
        system = finder.system(item=wanted)
        if folder is None:
            return hash_split(system.victim, system.item_model, getattr(data, split), finder.resources)
        pictures = Pictures.like(data.query.images, folder, names)
        return hash_pictures(system.victim, system.item_model, pictures, finder.resources, partial=partial)
