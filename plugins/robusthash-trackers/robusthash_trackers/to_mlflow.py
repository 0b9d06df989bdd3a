"""Runs in MLflow, at the place that ``MLFLOW_TRACKING_URI`` and ``MLFLOW_EXPERIMENT_NAME`` name."""

import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mlflow
from mlflow.entities import Metric, Param

from robusthash_trackers.tracker import Tracker, flat

_REFUSED = re.compile(r"[^\w\-. /:]")  #: characters that MLflow's names cannot have
_LONGEST = 500  #: characters of a parameter's value, or a tag's
_LONGEST_NAME = 250  #: characters of a name


class MLflow(Tracker):
    """A run in MLflow: settings are parameters, numbers are metrics, notes are tags."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._client = mlflow.MlflowClient()
        with _undrawn():
            experiment = mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or "robusthash")
        self._run = self._client.create_run(experiment.experiment_id, run_name=name).info.run_id
        params = [Param(_named(key), text[:_LONGEST]) for key, text in flat(settings).items()]
        self._client.log_batch(self._run, params=params)

    def add(self, values: Mapping[str, float], *, step: int) -> None:
        """Metrics at a step."""
        now = int(time.time() * 1000)
        self._client.log_batch(
            self._run, metrics=[Metric(_named(name), value, now, step) for name, value in values.items()]
        )

    def note(self, name: str, text: str) -> None:
        """A tag."""
        self._client.set_tag(self._run, _named(name), text[:_LONGEST])

    def close(self, *, complete: bool) -> None:
        """Ends the run as finished, or as failed."""
        self._client.set_terminated(self._run, status="FINISHED" if complete else "FAILED")


def _named(name: str) -> str:
    """A name that MLflow takes: it reads it as a path, which has to be short, relative and in its shortest form."""
    parts = (part for part in _REFUSED.sub("_", name).split("/") if part.strip(". "))
    return "/".join(parts)[:_LONGEST_NAME].rstrip("/") or "_"


@contextmanager
def _undrawn() -> Iterator[None]:
    """Leaves Python's global generator as it is: one in ten ids of a new experiment is filled up with its numbers."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
