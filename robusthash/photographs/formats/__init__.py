"""The formats that photographs are delivered in; each file is written as its source was."""

from robusthash.photographs.formats.base import Format
from robusthash.photographs.formats.choice import written_as

__all__ = ["Format", "written_as"]
