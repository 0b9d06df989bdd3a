"""The lancedb and pyarrow packages, imported when a retriever is made."""

import os

from robusthash.errors import MissingDependencyError

__all__ = ["IvfFlat", "lancedb", "pa"]

_LOG = "LANCEDB_LOG"  #: what lancedb reads on import; it warns of each partition that is empty, past Python's logging

_given = os.environ.get(_LOG)
os.environ.setdefault(_LOG, "error")
try:
    import lancedb
    import pyarrow as pa
    from lancedb.index import IvfFlat
except ImportError as error:
    raise MissingDependencyError(
        f"this retriever cannot import lancedb: {error}", hint="pip install lancedb pyarrow"
    ) from error
finally:
    if _given is None:
        del os.environ[_LOG]
