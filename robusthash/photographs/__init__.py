"""Photographs of users' own: read as a viewer shows them, and written again as their files were."""

from robusthash.errors import UnreadablePhotograph
from robusthash.photographs.naming import list_photographs, require_other_folder
from robusthash.photographs.photograph import Photograph, open_photograph
from robusthash.photographs.writing import Written, recompress, write_photograph

__all__ = [
    "Photograph",
    "UnreadablePhotograph",
    "Written",
    "list_photographs",
    "open_photograph",
    "recompress",
    "require_other_folder",
    "write_photograph",
]
