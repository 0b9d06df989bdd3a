"""Downloads that are verified before they are used."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from robusthash.errors import DatasetError
from robusthash.files.storage import temporary_beside

_CHUNK = 1 << 20
_TIMEOUT = 60  #: seconds without an answer


def md5(content: bytes) -> str:
    """MD5 in hexadecimal, which the authors of older datasets published."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def download(url: str, target: Path, *, digest: str, progress: Callable[[int, int, str], None], remedy: str) -> None:
    """Downloads a file atomically.

    Args:
        url: of the file.
        target: path of the download; its folder is created.
        digest: its MD5 in hexadecimal.
        progress: called with (bytes, total bytes, what).
        remedy: instructions for a download by hand, for errors.

    Raises:
        DatasetError: it is not available, is another file, or cannot be written; the hint is the remedy.
    """
    try:
        with temporary_beside(target) as temporary:
            found = hashlib.md5(usedforsecurity=False)
            with temporary.open("wb") as file, urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - our own addresses
                total = int(answer.headers.get("Content-Length") or 0)
                done = 0
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    found.update(chunk)
                    done += len(chunk)
                    progress(done, max(total, done), f"downloading {target.name}")
            if found.hexdigest() != digest:
                raise DatasetError(f"{url} has MD5 {found.hexdigest()}, not {digest}", hint=remedy)
            temporary.replace(target)
    except urllib.error.HTTPError as error:
        error.close()  # the error is the server's response, and keeps the connection open
        raise DatasetError(f"cannot download {url}: {error}", hint=remedy) from error
    except urllib.error.URLError as error:
        raise DatasetError(f"cannot download {url}: {error.reason}", hint=remedy) from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot download {url} to {target}: {error}", hint=remedy) from error
