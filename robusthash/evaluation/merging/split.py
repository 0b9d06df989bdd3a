"""Evaluates a part of a run, and makes the records of what is complete with it."""

from pathlib import Path

from robusthash.contracts import Executor, Progress, silent
from robusthash.evaluation.merging.merge import merge
from robusthash.evaluation.merging.outcome import Merged
from robusthash.evaluation.planning.part import Part
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.running.recording.outcome import RunOutcome
from robusthash.evaluation.running.run import evaluate
from robusthash.host import PluginHost


def evaluate_part(
    request: Request,
    host: PluginHost,
    part: Part,
    *,
    results: Path,
    progress: Progress = silent,
    executor: Executor | None = None,
    command: str = "",
) -> tuple[RunOutcome, Merged]:
    """Evaluates a part of the shards of a request, and leaves them in the results folder.

    Where other parts work in the same folder, whichever ends last finds all shards there, and makes the records.

    Args:
        request: the grid.
        host: the plugins.
        part: which shards.
        results: the results folder.
        progress: called with (done, total, what) during long steps.
        executor: what runs shards; None is this process.
        command: that evaluates a part, with ``{part}`` for which, for what is told of missing ones.

    Returns:
        What was evaluated, with the records of the request that are there now; and what is missing of others.

    Raises:
        RobustHashError: as for :func:`~robusthash.evaluation.running.run.evaluate`, and
            :func:`~robusthash.evaluation.merging.merge.merge`.
    """
    outcome = evaluate(
        request,
        host,
        results=results,
        progress=progress,
        executor=executor,
        part=part,
        command=command,
    )
    merged = merge((), host, results=results, progress=progress)
    known = {record.digest for record in outcome.records}
    outcome.records.extend(record for record in merged.records if record.digest in merged.new - known)
    return outcome, merged
