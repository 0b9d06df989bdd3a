"""Progress of long steps: bars on a terminal and in a notebook, lines in a pipe and in the log of a CI job."""

from robusthash.progress.bars import animates, bars
from robusthash.progress.lines import Lines
from robusthash.progress.notebook import in_notebook, notebook_bars
from robusthash.progress.steps import Report, duration

__all__ = ["Lines", "Report", "animates", "bars", "duration", "in_notebook", "notebook_bars"]
