"""Made-up releases: records with the values of their queries, to test what compares one release with the next."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.results.gate import Material
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against, ScoreKey
from robusthash.results.records.store import ResultStore
from robusthash.specs import Goal
from robusthash.testing.records import make_dataset, make_record

QUERIES = 200

_random = random.Random(0)  # noqa: S311 - made-up numbers
BEFORE = tuple(round(_random.uniform(0.2, 0.8), 4) for _ in range(QUERIES))  #: values of a first release


def dropped(by: float, *, spread: float = 0.0, seed: int = 1, values: Sequence[float] = BEFORE) -> tuple[float, ...]:
    """The values of a release whose mean is lower by exactly so much, up to rounding.

    Args:
        by: how far the mean drops.
        spread: standard deviation of the queries' drops.
        seed: of the drops.
        values: of the release before.
    """
    made = random.Random(seed)  # noqa: S311 - made-up numbers
    noise = [made.gauss(0, spread) if spread else 0.0 for _ in values]
    middle = sum(noise) / len(noise)
    return tuple(round(value - by - one + middle, 4) for value, one in zip(values, noise, strict=True))


class Release:
    """Records of one release."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._values: dict[str, Sequence[float]] = {}

    def add(self, values: Sequence[float] = BEFORE, *, targeted: bool = False, **changes: Any) -> "Release":
        """Adds a record.

        Args:
            values: of its queries after the attack; one each, in 0 to 1.
            targeted: whether the attack is targeted; the values are then on the target labels, too.
            changes: as for :func:`~robusthash.testing.records.make_record`.
        """
        mean = sum(values) / len(values)
        changes.setdefault("dataset", make_dataset(queries=len(values)))
        record = make_record(after=mean, target=mean if targeted else None, **changes)
        self.records.append(record)
        self._values[record.digest] = values
        return self

    def material(self, *, newest: bool = False) -> Material:
        """The release as a gate judges it, without files."""
        return Material(records=tuple(self.records), read=self._read, newest=newest)

    def save(self, folder: Path) -> Path:
        """Writes the release as a results folder.

        Args:
            folder: that is made, or added to.
        """
        store = ResultStore(folder)
        for record in self.records:
            names = [Against.OWN, *([Against.TARGET] if record.attack.goal is Goal.TARGETED else [])]
            keys = [
                ScoreKey(stage, metric, against)
                for stage in (CLEAN, ADVERSARIAL)
                for metric in record.scoring.protocols
                for against in names
            ]
            store.save(record, QueryArrays(scores={key: np.array(self._read(record, key.stored)) for key in keys}))
        return folder

    def _read(self, record: Record, name: str) -> Sequence[float]:
        stage, _, metric = name.partition("/")
        values = self._values[record.digest]
        if stage == ADVERSARIAL:
            return values
        return [record.measure(stage, against=Against.parse(metric)[0]).value] * len(values)
