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
    """A stored attack on the certified model, or a pass over queries that nobody moved, beside the bound.

    Attributes:
        attack: its name.
        radius: its L2 radius.
        value: mean average precision of the certified queries after it.
        bound: mean of their lower bounds, each at the distance that its input was moved by.
        below: number of queries whose average precision is below their own bound.
        wrong: number of queries of which a bit is wrong that is certain at their distance. Those below their own bound
            are among them, and the confidence is of all of them.
        digest: of the record; None has none.
    """

    attack: str
    radius: float
    value: float
    bound: float
    below: int
    wrong: int
    digest: str | None


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
        lost: number of queries to which no item is relevant; they score 0 in every ranking.
        unmoved: a pass of the model over the queries as they are.
        attacked: stored attacks on this model with the same queries.
        unreadable: number of files with stored attacks that cannot be read, and are not compared.
        elsewhere: number of stored attacks that are not compared since the device or the version of torch, and with it
            the noise on the database, was another.
        passes: of the model.
        seconds: of the votes.
        seed: of the noise.
        ids: positions of the queries in the dataset's query split.
        per_query: the lower bounds of each query, by radius, in the order of ``ids``.
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
    lost: int
    unmoved: Attacked
    attacked: tuple[Attacked, ...]
    unreadable: int
    elsewhere: int
    passes: int
    seconds: float
    seed: int
    ids: tuple[int, ...]
    per_query: Mapping[float, tuple[float, ...]]

    @property
    def what(self) -> str:
        """What is certified, in words."""
        return f"a vote of {self.votes} copies" if self.of is Vote.DEPLOYED else "the ideal vote, over all noise"

    @property
    def compared(self) -> tuple[Attacked, ...]:
        """All that is compared with the bounds: the pass over the queries as they are, and the stored attacks."""
        return (self.unmoved, *self.attacked)

    @property
    def allowed(self) -> float:
        """Number of queries of which a certain bit may be wrong in an evaluation, on average, at this confidence."""
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
