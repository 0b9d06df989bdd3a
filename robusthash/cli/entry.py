"""The entry point of the command line: the commands, and the exit code of every outcome.

Exit codes: 0 success, 1 failure, 2 usage error or bad input, 3 gate failed, 4 gate inconclusive, 5 nothing selected,
130 interrupted, 141 the reader of the output closed the pipe. A command may have exit codes of its own.
"""

import contextlib
import errno
import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import click

from robusthash.boundary import blaming, results_on_stdout
from robusthash.cli.input.session import Session, session_options
from robusthash.cli.input.shells import COMPLETING, answer_shell
from robusthash.cli.input.slips import hint_of
from robusthash.cli.lazy import LazyGroup
from robusthash.cli.output.lines import line
from robusthash.cli.output.streams import claim_streams, told_warnings
from robusthash.errors import RobustHashError
from robusthash.host.files import FILES_VARIABLE
from robusthash.version import __version__

INTERRUPTED = 130
READER_GONE = 141


class ReaderGoneError(Exception):
    """Standard output is a pipe whose reader has closed it."""


class OutputError(Exception):
    """Standard output is a file that cannot be written."""


@contextlib.contextmanager
def _written() -> Iterator[None]:
    """Writes what is left of the output in the end, and says why it cannot be written."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:  # click would exit with code 1
        raise ReaderGoneError from error
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            raise OutputError(error.strerror) from error
        raise


class _Commands(LazyGroup):
    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _written():  # --help and --version print before anything is invoked
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _written():
            return super().invoke(ctx)


@session_options
@click.command(
    cls=_Commands,
    name="robusthash",
    commands={
        "eval": (
            "robusthash.cli.commands.eval:command",
            "Evaluate hash models under attack, and show the leaderboard.",
        ),
        "train": ("robusthash.cli.commands.models.train:command", "Train a hash model and save its checkpoint."),
        "import": ("robusthash.cli.commands.models.import_:command", "Import a checkpoint of another repository."),
        "fit": (
            "robusthash.cli.commands.models.fit:command",
            "Let an attack learn on a model, and save what it learnt.",
        ),
        "harden": ("robusthash.cli.commands.models.harden:command", "Harden a hash model and save its checkpoint."),
        "certify": (
            "robusthash.cli.commands.certify:command",
            "Bound what retrieval a smoothed model keeps under any perturbation.",
        ),
        "attack": ("robusthash.cli.commands.attack:command", "Attack the queries and save the adversarial images."),
        "hash": ("robusthash.cli.commands.finding.hash:command", "Write the codes of pictures to a file."),
        "search": (
            "robusthash.cli.commands.finding.search:command",
            "Show what a model finds near a picture or a text.",
        ),
        "leaderboard": ("robusthash.cli.commands.results.leaderboard:command", "Rank the stored results."),
        "curve": ("robusthash.cli.commands.results.curve:command", "Show stored sweeps as curves."),
        "figure": ("robusthash.cli.commands.results.figure:command", "Draw stored results for a paper."),
        "show": ("robusthash.cli.commands.results.show:command", "Show one stored result in full."),
        "rescore": ("robusthash.cli.commands.results.rescore:command", "Rescore stored results with other metrics."),
        "merge": (
            "robusthash.cli.commands.results.merge:command",
            "Merge results folders, and the shards of runs that were split.",
        ),
        "reproduce": (
            "robusthash.cli.commands.results.reproduce:command",
            "Make stored results again, and say whether they are the same.",
        ),
        "score": (
            "robusthash.cli.commands.finding.score:command",
            "Score codes in files, such as those of your own system.",
        ),
        "compare": (
            "robusthash.cli.commands.results.compare:command",
            "Compare two stored results, query by query.",
        ),
        "report": (
            "robusthash.cli.commands.results.report:command",
            "Write stored results as an HTML report, or as a site.",
        ),
        "gate": (
            "robusthash.cli.commands.gates.gate:command",
            "Judge stored results by rules, and against a baseline.",
        ),
        "baseline": ("robusthash.cli.commands.gates.baseline:command", "Write and show the baseline of the gate."),
        "submission": (
            "robusthash.cli.commands.submissions:command",
            "Check what is submitted to a public leaderboard.",
        ),
        "plugins": ("robusthash.cli.commands.plugins:command", "List, show and check the installed plugins."),
        "config": (
            "robusthash.cli.commands.setup.config:command",
            "Show what a command would use, and what a configuration file may hold.",
        ),
        "completion": (
            "robusthash.cli.commands.setup.completion:command",
            "Complete commands, options and names of plugins in a shell.",
        ),
        "data": ("robusthash.cli.commands.data:command", "List, verify and prepare datasets."),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="robusthash")
def group() -> None:
    """Measure how robust deep-hashing image retrieval is against adversarial attack.

    Results go to standard output, everything else to standard error.
    """


def main() -> None:
    """The installed command."""
    asked = os.environ.get(COMPLETING)
    claim_streams()
    sys.exit(run(sys.argv[1:]) if asked is None else answer_shell(group, asked))


def run(arguments: Sequence[str]) -> int:
    """Runs the command line.

    Args:
        arguments: without the program's name.

    Returns:
        The exit code; errors are printed on standard error.
    """
    session = Session(as_json="--json" in arguments)
    files = os.environ.get(FILES_VARIABLE)
    try:
        with results_on_stdout():
            return _run(arguments, session)
    finally:
        _restore(files)


def _run(arguments: Sequence[str], session: Session) -> int:
    try:
        with told_warnings():
            result = group.main(list(arguments), prog_name="robusthash", obj=session, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except ReaderGoneError:
        _silence(sys.stdout)
        return READER_GONE
    except click.UsageError as error:
        return _fail(session, error.format_message(), hint_of(error), error.exit_code)
    except click.ClickException as error:
        return _fail(session, error.format_message(), None, error.exit_code)
    except RobustHashError as error:
        return _fail(session, error.message, error.hint, error.exit_code, error.sketch)
    except OutputError as error:
        _silence(sys.stdout)
        return _fail(session, f"cannot write the output: {error}", "free disk space, or send it elsewhere", 1)
    except (Exception, SystemExit) as error:  # the last resort: a bug becomes one line, too
        made = blaming(None, "run the command").translated(error)
        return _fail(session, made.message, None if session.debug else made.hint, made.exit_code)
    return result if isinstance(result, int) else 0


def _restore(files: str | None) -> None:
    """Forgets the plugin files of this run, which workers found in their environment."""
    if files is None:
        os.environ.pop(FILES_VARIABLE, None)
    else:
        os.environ[FILES_VARIABLE] = files


def _fail(session: Session, message: str, hint: str | None, exit_code: int, sketch: Sequence[str] = ()) -> int:
    try:
        if session.as_json:  # whoever reads the output is told there, too
            told = {"error": message, "hint": hint, "exit_code": exit_code}
            click.echo(json.dumps(told, indent=2))
        if session.debug:
            click.echo(traceback.format_exc(), err=True)
        for drawn in sketch:  # above, so that what is wrong and what would be right are read last
            line(drawn, err=True, drawn=True)
        line(f"error: {message}", err=True)
        if hint:
            line(f"hint: {hint}", err=True)
    except OSError:  # the exit code tells whom no stream can
        _silence(sys.stderr)
    return exit_code


def _silence(stream: TextIO) -> None:
    """Discards what is still in the buffer, so that the interpreter does not complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
