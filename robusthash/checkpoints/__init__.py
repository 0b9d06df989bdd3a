"""Checkpoints without their weights: the headers of their files, and descriptions. Importable without torch."""

from robusthash.checkpoints.description import (
    FITTED_KEY,
    FORMAT,
    KEY,
    Description,
    TowerUse,
    is_checkpoint,
    read_description,
)
from robusthash.files.header import is_pickle, read_metadata, refuse_other_formats, unreadable

__all__ = [
    "FITTED_KEY",
    "FORMAT",
    "KEY",
    "Description",
    "TowerUse",
    "is_checkpoint",
    "is_pickle",
    "read_description",
    "read_metadata",
    "refuse_other_formats",
    "unreadable",
]
