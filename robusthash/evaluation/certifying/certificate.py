"""What a certificate says, and its file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robusthash.files.storage import write_atomically
from robusthash.specs import Vote


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """A stored attack on the certified model, beside the bound at its radius.

    Attributes:
        attack: its name.
        radius: its L2 radius.
        value: mean average precision of the certified queries after it.
        bound: mean of their lower bounds, each at the distance that its input was moved by.
        below: number of queries whose average precision is below their own bound.
        digest: of the record.
    """

    attack: str
    radius: float
    value: float
    bound: float
    below: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Lower bounds of the mean average precision of a smoothed model, by L2 radius.

    Attributes:
        model: name, size and digest of the model that votes.
        defense: the smoothing, with its options.
        dataset: name and digests of data and queries.
        direction: what searches for what.
        queries: number of certified queries.
        sigma: standard deviation of the noise, in the units of the inputs.
        samples: noisy copies of each query.
        confidence: probability, for each query, that all its bounds hold; of a deployed vote, in each pass that it
            takes.
        of: the vote that is certified.
        votes: noisy copies of a deployed vote.
        clean: mean average precision of the codes that the votes chose.
        abstained: share of the bits that are not certain even of the query itself; they are open at every radius.
        bounds: the mean of the queries' lower bounds, by radius.
        floor: mean average precision if all bits are open: no bound is lower.
        attacked: stored attacks on this model with the same queries.
        passes: of the model.
        seconds: of the votes.
        seed: of the noise.
        per_query: the lower bounds of each query, by radius, in the order of the queries.
    """

    model: Mapping[str, Any]
    defense: Mapping[str, Any]
    dataset: Mapping[str, Any]
    direction: str
    queries: int
    sigma: float
    samples: int
    confidence: float
    of: Vote
    votes: int
    clean: float
    abstained: float
    bounds: Mapping[float, float]
    floor: float
    attacked: tuple[Attacked, ...]
    passes: int
    seconds: float
    seed: int
    per_query: Mapping[float, tuple[float, ...]]

    @property
    def what(self) -> str:
        """What is certified, in words."""
        return f"a vote of {self.votes} copies" if self.of is Vote.DEPLOYED else "the ideal vote, over all noise"

    @property
    def allowed(self) -> float:
        """Number of queries that may be below their own bound in an evaluation, on average, at this confidence."""
        return self.queries * (1 - self.confidence)

    def to_json(self) -> str:
        """All of it as indented JSON; radii are keys as text."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Writes :meth:`to_json`.

        Raises:
            StorageError: the file cannot be written.
        """
        write_atomically(path, self.to_json().encode())
