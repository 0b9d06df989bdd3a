"""What ``robusthash eval --config FILE`` would evaluate."""

from pathlib import Path

from robusthash.cli import group
from robusthash.cli.commands.eval import command, request_of
from robusthash.cli.input.session import Session
from robusthash.evaluation import Request

_OTHERS = (
    *("workers", "executor", "results", "shard", "force", "keep_pictures"),
    *("rules", "allow", "as_json", "quiet"),
)  #: beside the grid


def read_suite(path: Path) -> Request:
    """The request of a configuration file."""
    with (
        group.make_context("robusthash", ["eval"], obj=Session()) as parent,
        command.make_context("eval", ["--config", str(path)], parent=parent) as context,
    ):
        return request_of({name: value for name, value in context.params.items() if name not in _OTHERS})
