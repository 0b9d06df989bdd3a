"""Runs in TensorBoard, below ``ROBUSTHASH_TENSORBOARD``, or the folder ``runs``."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from robusthash_trackers.tracker import Tracker, flat

FOLDER = "ROBUSTHASH_TENSORBOARD"

_LONGEST = 80  #: characters of a run's name in its folder's
_MARKUP = re.compile(r"[\\`*_\[\]<>#&!~|]")


class TensorBoard(Tracker):
    """A run in TensorBoard: numbers are scalars, settings and notes are texts."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        folder = (
            Path(os.environ.get(FOLDER, "runs")) / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())[:_LONGEST]}-{moment}"
        )
        self._writer = SummaryWriter(str(folder))
        rows = [f"| {_plain(key)} | {_plain(text)} |" for key, text in flat(settings).items()]
        self._writer.add_text("settings", "\n".join(["| setting | value |", "| --- | --- |", *rows]))

    def add(self, values: Mapping[str, float], *, step: int) -> None:
        """Scalars at a step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def note(self, name: str, text: str) -> None:
        """A text."""
        self._writer.add_text(name, _plain(text))

    def close(self, *, complete: bool) -> None:  # noqa: ARG002 - a run has no state here but its notes
        """Writes what is still in memory."""
        self._writer.close()


def _plain(text: str) -> str:
    """Text in one line that TensorBoard, which reads Markdown, shows as it is."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
