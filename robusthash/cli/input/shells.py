"""Completion in a shell: its script, and the answers that the script asks for."""

import contextlib
import io

import click
from click.shell_completion import get_completion_class, shell_complete

from robusthash.errors import UnknownNameError

COMPLETING = "_ROBUSTHASH_COMPLETE"  #: environment variable by which a script asks, as click names it
SHELLS = ("bash", "zsh", "fish")

_PROGRAM = "robusthash"
#: A shell without this function has not begun to complete; its script would fail.
_ZSH_FIRST = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"


def script(group: click.Group, shell: str) -> str:
    """What a shell is to run, so that it completes.

    Args:
        group: the commands.
        shell: its name.

    Raises:
        UnknownNameError: it is none of bash, zsh and fish.
    """
    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise UnknownNameError("shell", shell, SHELLS)
    source: str = kind(group, {}, _PROGRAM, COMPLETING).source()
    return f"{_ZSH_FIRST if shell == 'zsh' else ''}{source}"


def answer_shell(group: click.Group, asked: str) -> int:
    """Answers a script: prints what may come next. Nothing else is printed, because it would stand in the user's line.

    Args:
        group: the commands.
        asked: what the script wants, such as ``bash_complete``.

    Returns:
        The exit code.
    """
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return shell_complete(group, {}, _PROGRAM, COMPLETING, asked)
        except Exception:  # whatever it is, the command that is being typed will tell it; here it would be typed, too
            return 1
