"""The stored result of one cell: everything that could change its numbers, and the numbers themselves."""

import json
from dataclasses import dataclass
from typing import Any

from robusthash.results.records import flat
from robusthash.results.records.origins import Origins
from robusthash.results.records.outcome import Measure, Outcome
from robusthash.results.records.parts import Access, AttackUse, Conditions, DatasetUse, Scoring, VictimUse
from robusthash.results.records.stages import ADVERSARIAL, Against

_UNBOUNDED = "RH006"  #: flag of an attack that is not held to epsilon


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one cell.

    Attributes:
        digest: of everything that could change the numbers.
        created: UTC time, ISO 8601.
        dataset: the dataset.
        victim: the victim.
        attack: the attack.
        scoring: metrics, relevance and retriever.
        conditions: seed, software and hardware.
        outcome: the numbers.
        origins: what making it again needs besides; None in records of earlier versions.
    """

    digest: str
    created: str
    dataset: DatasetUse
    victim: VictimUse
    attack: AttackUse
    scoring: Scoring
    conditions: Conditions
    outcome: Outcome
    origins: Origins | None = None

    def crafting(self) -> dict[str, Any]:
        """Everything that the adversarial inputs depend on, regardless of how they are scored."""
        return flat.crafting(flat.flatten(self))

    def identity(self) -> dict[str, Any]:
        """Everything that could change the numbers. The digest is computed from this."""
        return flat.identity(flat.flatten(self))

    def reproducible(self) -> dict[str, Any]:
        """Everything but the times: equal for two runs of one cell."""
        content = flat.flatten(self)
        del content["created"], content["cost"]["seconds"]
        if content["cost"]["learning"]:
            del content["cost"]["learning"]["seconds"]
        return content

    @property
    def access(self) -> Access:
        """What the attack knew about the victim."""
        if self.outcome.cost.queries:
            return Access.QUERIES
        return Access.TRANSFER if self.attack.surrogate else Access.WHITE_BOX

    @property
    def bounded(self) -> bool:
        """Whether the attack was held to the ball. Unbounded attacks are shown, but not ranked."""
        return all(flag.id != _UNBOUNDED for flag in self.outcome.flags)

    def measure(
        self, stage: str = ADVERSARIAL, *, metric: str | None = None, against: Against | None = None
    ) -> Measure:
        """A metric at one stage.

        Args:
            stage: ``clean``, ``adversarial`` ... (:mod:`robusthash.results.records.stages`).
            metric: its name; None for the headline.
            against: the labels that decide relevance; None for those that the attack is judged by.

        Raises:
            KeyError: it was not measured.
        """
        return self.outcome.metrics[stage][against or self.attack.against][metric or self.scoring.headline]

    def to_json(self) -> str:
        """The record as indented JSON with a stable order."""
        return json.dumps(flat.flatten(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Record":
        """Reads what this or an earlier version of :meth:`to_json` wrote.

        Args:
            text: content of the file.
            where: path of the file, for errors.

        Raises:
            InputError: it is not a record, has a newer schema, or was changed after it was written.
        """
        from robusthash.results.records.reading import parse_record  # it imports this module

        return parse_record(text, where)
