"""The stored result of one cell: everything that could change its numbers, and the numbers."""

import json
from dataclasses import dataclass
from typing import Any

from robusthash.results.records import flat
from robusthash.results.records.outcome import Measure, Outcome
from robusthash.results.records.parts import Access, AttackUse, Conditions, DatasetUse, Scoring, VictimUse
from robusthash.results.records.stages import ADVERSARIAL, Against

_UNBOUNDED = "RH006"  #: the flag of an attack that is not held to epsilon


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one cell.

    Attributes:
        digest: of everything that could change the numbers.
        created: UTC time, ISO 8601.
        dataset: what was searched, with what.
        victim: what was attacked.
        attack: what perturbed the queries.
        scoring: how codes became numbers.
        conditions: what the run was computed under.
        outcome: the numbers.
    """

    digest: str
    created: str
    dataset: DatasetUse
    victim: VictimUse
    attack: AttackUse
    scoring: Scoring
    conditions: Conditions
    outcome: Outcome

    def crafting(self) -> dict[str, Any]:
        """What the adversarial inputs depend on, whoever is to judge them."""
        return flat.crafting(flat.flatten(self))

    def identity(self) -> dict[str, Any]:
        """Everything that could change the numbers: the digest is over this."""
        return flat.identity(flat.flatten(self))

    def reproducible(self) -> dict[str, Any]:
        """Everything but the times: what two runs of one cell must agree on."""
        content = flat.flatten(self)
        del content["created"], content["cost"]["seconds"]
        if content["cost"]["learning"]:
            del content["cost"]["learning"]["seconds"]
        return content

    @property
    def access(self) -> Access:
        """What the attack knew of the victim."""
        if self.outcome.cost.queries:
            return Access.QUERIES
        return Access.TRANSFER if self.attack.surrogate else Access.WHITE_BOX

    @property
    def bounded(self) -> bool:
        """Whether the attack was held to the ball: one that was not may be shown, but not ranked."""
        return all(flag.id != _UNBOUNDED for flag in self.outcome.flags)

    def measure(
        self, stage: str = ADVERSARIAL, *, metric: str | None = None, against: Against | None = None
    ) -> Measure:
        """One metric of the queries at one stage.

        Args:
            stage: :mod:`robusthash.results.records.stages`.
            metric: its name; None is the headline.
            against: the labels that decide what is relevant; None is those that the attack is judged by.

        Raises:
            KeyError: it was not measured.
        """
        return self.outcome.metrics[stage][against or self.attack.against][metric or self.scoring.headline]

    def to_json(self) -> str:
        """The record as indented JSON with a stable order."""
        return json.dumps(flat.flatten(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Record":
        """Reads what :meth:`to_json` wrote, in this version or an earlier one.

        Args:
            text: the file's content.
            where: its path, for the error.

        Raises:
            InputError: not a record, of a later schema, or with a digest that is not its own.
        """
        from robusthash.results.records.reading import parse_record  # which makes records, and so imports this

        return parse_record(text, where)
