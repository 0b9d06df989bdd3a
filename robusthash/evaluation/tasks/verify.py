"""Verifies a dataset: what its author checks, and what the host checks of every one."""

from robusthash.boundary import breach, foreign
from robusthash.contracts import Dataset, DatasetContext, Finding
from robusthash.errors import DatasetError
from robusthash.evaluation.inspecting.checks import inspect
from robusthash.evaluation.inspecting.counts import DataCounts
from robusthash.evaluation.victims.loading import load_dataset


def verify(dataset: Dataset, context: DatasetContext) -> tuple[list[Finding], DataCounts | None]:
    """Everything that is found wrong with a dataset, and what is in it.

    Args:
        dataset: with its options.
        context: where its files are.

    Returns:
        The findings, errors first; and the counts, None if it cannot be loaded.

    Raises:
        DatasetError: its files are not there, so that there is nothing to verify.
    """
    with foreign(dataset, "verify its data"):
        own = list(dataset.verify(context))
    for finding in own:
        if not isinstance(finding, Finding):
            raise breach(dataset, f"found {type(finding).__name__}", hint="return Finding objects from `verify`")
    counts = None
    try:
        data = load_dataset(dataset, context)
    except DatasetError as error:
        if not any(finding.level == "error" for finding in own):
            if not own:
                raise
            own = [*own, Finding(level="error", where=type(dataset).__name__, what=" ".join(error.message.split()))]
    else:
        found, counts = inspect(data, context)
        own = [*own, *(finding for finding in found if finding not in own)]
    return sorted(own, key=lambda finding: finding.level != "error"), counts
