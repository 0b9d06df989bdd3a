"""Runs in Weights & Biases, as ``WANDB_MODE``, ``WANDB_DIR`` and ``WANDB_PROJECT`` say; ``offline`` is local."""

import os
from collections.abc import Mapping
from typing import Any

import wandb

from robusthash_trackers.tracker import Tracker


class WandB(Tracker):
    """A run in Weights & Biases: settings are its config, numbers its history, notes its summary."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "robusthash"),
            name=name,
            config=dict(settings),
            dir=os.environ.get("WANDB_DIR"),  # the library itself reads it once a process
            settings=wandb.Settings(console="off", silent=True),  # standard output is for results
            reinit="create_new",
        )

    def add(self, values: Mapping[str, float], *, step: int) -> None:
        """A row of the history; its own column is the step, as the library's must never fall."""
        self._run.log({**values, "step": step})

    def note(self, name: str, text: str) -> None:
        """A value of the summary."""
        self._run.summary[name] = text

    def close(self, *, complete: bool) -> None:
        """Ends the run with exit code 0, or 1."""
        self._run.finish(exit_code=0 if complete else 1)
