"""Jobs: an attack on a victim with all that it needs, ready to run on any of its queries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    Budget,
    CodeBank,
    HashModel,
    Index,
    Inputs,
    Oracle,
    Precision,
    Randomness,
    Surrogate,
    Threat,
    read_inputs,
)
from robusthash.evaluation.crafting.learning import Learnt
from robusthash.evaluation.crafting.trace import Trace
from robusthash.evaluation.scoring.scale import Scale
from robusthash.memory import Batches
from robusthash.results import Spent


@dataclass(frozen=True, kw_only=True, eq=False)
class Knowledge:
    """What an attack may know besides its queries. What it may not know or does not need is None.

    Attributes:
        labels: (n, classes) uint8, the queries' own labels.
        targets: (n, classes) uint8, target labels of a targeted attack.
        anchors: (n, voters, bits) int8, codes of items with the target label; or descriptors, (n, voters, d) float32.
        bank: codes and labels of the train split, on the device.
        index: the index that the victim's service searches.
        learnt: what the attack has learnt, on the device, and what that cost.
    """

    labels: Tensor | None = None
    targets: Tensor | None = None
    anchors: Tensor | None = None
    bank: CodeBank | None = None
    index: Index | None = None
    learnt: Learnt | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Compute:
    """How an attack's passes are computed.

    Attributes:
        device: where passes are computed.
        precision: of the passes through the surrogate.
        compiled: a compiled form of the surrogate; None is the surrogate itself.
        batches: splits queries into batches that fit into memory.
    """

    device: torch.device
    precision: Precision = Precision.FLOAT32
    compiled: Callable[[Tensor], Tensor] | None = None
    batches: Batches = field(default_factory=Batches)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One attack on one victim, ready to run on any of its queries.

    Attributes:
        attack: the attack.
        victim: the model that is scored; in evaluation mode, with frozen parameters, on the device.
        surrogate: the model that is crafted on; in a white-box evaluation, the victim itself.
        inputs: all queries to attack.
        ids: (n,) int64, their positions in the dataset's query split.
        threat: the ball and the box that results must stay in.
        random: randomness of this attack and seed.
        knowledge: what the attack may know.
        compute: how passes are computed.
        members: for an ensemble, the jobs of its members.
        judge: for an ensemble, the scale by which the worst outcome is chosen.
        start: the job of the attack from whose outcome this one starts; None if there is none.
        shared: folder of outcomes that other cells need, too; None if there are none.
    """

    attack: Attack
    victim: HashModel
    surrogate: HashModel
    inputs: Inputs
    ids: Tensor
    threat: Threat
    random: Randomness
    knowledge: Knowledge
    compute: Compute
    members: "tuple[Job, ...]" = ()
    judge: Scale | None = None
    start: "Job | None" = None
    shared: Path | None = None

    @property
    def learning(self) -> Spent | None:
        """Cost of learning, including that of members and starts, each once; None if nothing is learnt."""
        spent = [one.spent for one in {one.key or id(one): one for one in self._learnt()}.values()]
        return sum(spent[1:], spent[0]) if spent else None

    @property
    def learnt(self) -> dict[str, str]:
        """Digests of what it has learnt, and of what its members and starts have, by name of the attack."""
        return {one.name: one.digest for one in self._learnt() if one.digest is not None}

    def _learnt(self) -> Iterator[Learnt]:
        if self.knowledge.learnt is not None:
            yield self.knowledge.learnt
        for part in (*self.members, *([self.start] if self.start else [])):
            yield from part._learnt()

    def batch(self, rows: Tensor, inputs: Tensor | None = None) -> AttackBatch:
        """Some queries on the device, with what the attack may know of each.

        Args:
            rows: (n,) int64, positions in the job's inputs.
            inputs: these inputs, on the device; None reads them.
        """
        known, device = self.knowledge, self.compute.device
        own = (known.labels, known.targets, known.anchors)
        labels, targets, anchors = (None if part is None else part[rows].to(device) for part in own)
        return AttackBatch(
            inputs=read_inputs(self.inputs, rows.tolist()).to(device) if inputs is None else inputs,
            ids=self.ids[rows].to(device),
            labels=labels,
            targets=targets,
            anchors=anchors,
        )

    def context(self, budget: Budget, trace: Trace, restart: int) -> AttackContext:
        """All that the attack may know besides its queries.

        Args:
            budget: where passes and queries are counted.
            trace: where distances are recorded.
            restart: index of the try.
        """
        known, compute = self.knowledge, self.compute
        return AttackContext(
            surrogate=Surrogate(self.surrogate, budget, run=compute.compiled, precision=compute.precision),
            threat=self.threat,
            random=self.random,
            bank=known.bank,
            oracle=Oracle(self.victim, known.index, budget) if known.index is not None else None,
            fitted=known.learnt.tensors if known.learnt is not None else None,
            restart=restart,
            observe=trace,
        )
