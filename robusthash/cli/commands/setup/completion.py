"""``robusthash completion``: completes commands, options and names of plugins in a shell."""

import os
import shlex
from pathlib import Path

import click

from robusthash.cli.input.shells import SHELLS, script
from robusthash.cli.output.lines import line
from robusthash.errors import InputError, StorageError, UsageError
from robusthash.files.opening import read_file
from robusthash.files.storage import write_atomically

_MARK = "# robusthash completion"  #: ends the line that is added to a shell's own file


@click.group("completion")
def command() -> None:
    """Complete commands, options and names of plugins in bash, zsh and fish.

    \b
    robusthash completion install
    eval "$(robusthash completion script bash)"
    """


@command.command("script")
@click.argument("shell", type=click.Choice(SHELLS))
def script_(*, shell: str) -> None:
    """Print the script that a shell runs.

    \b
    eval "$(robusthash completion script bash)"
    robusthash completion script fish | source
    """
    click.echo(_script(shell), nl=False)


@command.command("install")
@click.option("--shell", type=click.Choice(SHELLS), help="The shell; by default that of $SHELL.")
def install(*, shell: str | None) -> None:
    """Write the script to a file, and let the shell read it when it starts.

    Of fish, it is the folder of its completions. Of bash and zsh, one line is added to .bashrc or .zshrc.

    \b
    robusthash completion install
    robusthash completion install --shell zsh
    """
    chosen = shell or _own_shell()
    if chosen == "fish":
        file = _home("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / "robusthash.fish"
        write_atomically(file, _script(chosen).encode())
        line(f"written: {file}; it works in a new fish")
        return
    file = _home("XDG_DATA_HOME", ".local/share") / "robusthash" / f"completion.{chosen}"
    write_atomically(file, _script(chosen).encode())
    start = Path(os.environ.get("ZDOTDIR") or Path.home()) / ".zshrc" if chosen == "zsh" else Path.home() / ".bashrc"
    added = _add(start, f"[ -r {shlex.quote(str(file))} ] && . {shlex.quote(str(file))}  {_MARK}")
    line(f"written: {file}")
    line(f"{start}: {'one line is added' if added else 'has the line already'}; it works in a new {chosen}")


def _script(shell: str) -> str:
    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)  # noqa: S101 - the commands
    return script(root, shell)


def _own_shell() -> str:
    """The user's shell.

    Raises:
        UsageError: it is unknown, or of another kind.
    """
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UsageError(
            f"the shell {name!r} has no completion here" if name else "$SHELL does not say which shell is used",
            hint=f"--shell {', '.join(SHELLS[:-1])} or {SHELLS[-1]}",
        )
    return name


def _home(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / usual)


def _add(file: Path, text: str) -> bool:
    """Adds a line to a file of the user's, unless it is there; an earlier one of ours is replaced.

    Returns:
        Whether the file has changed.

    Raises:
        InputError: the file cannot be read.
        StorageError: it cannot be written.
    """
    try:
        old = read_file(file).decode(errors="surrogateescape") if file.exists() else ""
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}", hint="add the line yourself") from error
    kept = [one for one in old.splitlines(keepends=True) if not one.rstrip("\n").endswith(_MARK)]
    before = "".join(kept)
    new = f"{before}{'' if before.endswith(chr(10)) or not before else chr(10)}{text}\n"
    if new == old:
        return False
    try:
        # Through a link, which many keep such files behind, and with the mode that it has.
        with file.open("w", encoding="utf-8", errors="surrogateescape") as opened:
            opened.write(new)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}", hint="add the line yourself") from error
    return True
