"""One cell made ready: the attack, the job that its shards run, and the digest that names it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

import robusthash
from robusthash.contracts import (
    Attack,
    AttackContext,
    Budget,
    CodeBank,
    Ensemble,
    Randomness,
    Surrogate,
    Threat,
)
from robusthash.errors import CapabilityError
from robusthash.evaluation.bench import Bench
from robusthash.evaluation.fitting import fitted
from robusthash.evaluation.plan import Cell
from robusthash.evaluation.shards import Job
from robusthash.evaluation.workshop import Chosen
from robusthash.metrics import Relevance
from robusthash.specs import Capability, Goal
from robusthash.storage import digest


@dataclass(frozen=True, kw_only=True, eq=False)
class CellWork:
    """A cell made ready.

    Attributes:
        cell: what was asked for.
        bench: its victim.
        attack: the attack with its options.
        digest: of everything that could change the numbers.
    """

    cell: Cell
    bench: Bench
    attack: Chosen[Attack]
    digest: str

    @property
    def threat(self) -> Threat:
        """How far the attack may go."""
        return Threat(epsilon=self.cell.epsilon)

    @cached_property
    def job(self) -> Job:
        """What the shards run.

        Raises:
            CapabilityError: the attack needs what this dataset cannot give.
        """
        return self._job(self.attack)

    def _job(self, chosen: Chosen[Attack]) -> Job:
        attack, bench = chosen.plugin, self.bench
        needs, targeted = attack.needs, attack.goal is Goal.TARGETED
        if (targeted or Capability.ANCHORS in needs) and not bench.shop.data.database.labels.any():
            raise CapabilityError(f"attack {chosen.use.name!r} needs labels, and the database has none")
        members = attack.members if isinstance(attack, Ensemble) else ()
        bank = bench.bank if Capability.CODE_BANK in needs else None
        return Job(
            victim=bench.victim.model,
            attack=attack,
            members=tuple(self._job(bench.shop.attack(name)) for name in members),
            judge=bench.headline if members else None,
            purpose=chosen.registered.full_name,
            images=bench.queries.images,
            ids=bench.query_ids,
            labels=bench.queries.labels if Capability.LABELS in needs else None,
            targets=bench.targets.labels if targeted else None,
            anchors=bench.targets.anchor_codes(bench.database_codes) if Capability.ANCHORS in needs else None,
            bank=bank,
            fitted=self._fitted(chosen, bank),
            threat=self.threat,
            seed=bench.shop.setting.seed,
            device=bench.shop.device,
        )

    def _fitted(self, chosen: Chosen[Attack], bank: CodeBank | None) -> Mapping[str, Tensor] | None:
        """What the attack learns on this victim, from the cache if it did so before."""
        bench, shop = self.bench, self.bench.shop
        context = AttackContext(
            surrogate=Surrogate(bench.victim.model, Budget()),
            threat=self.threat,
            random=Randomness(seed=shop.setting.seed, purpose=chosen.registered.full_name),
            bank=bank,
            progress=shop.progress,
        )
        made_from = {
            **bench.victim.identity,
            "train": shop.data.train.digest,
            "size": list(shop.data.train.images.size),
            "attack": asdict(chosen.use),
            "epsilon": self.cell.epsilon,
            "seed": shop.setting.seed,
            "versions": versions(),
            "device": shop.device.type,
        }
        return fitted(chosen.plugin, context, made_from, device=shop.device)


def make_ready(cell: Cell, bench: Bench) -> CellWork:
    """Looks up the attack, and names the cell by everything that could change its numbers."""
    shop = bench.shop
    attack = shop.attack(cell.attack)
    content = {
        "dataset": asdict(bench.dataset_use),
        **bench.victim.identity,
        "attack": asdict(attack.use),
        "epsilon": cell.epsilon,
        "seed": shop.setting.seed,
        "shard_size": shop.shard_size,
        "relevance": str(Relevance.SHARE_ANY),
        "protocols": shop.protocols,
        "retriever": asdict(shop.retriever.use),
        "versions": versions(),
        "device": shop.device.type,
    }
    return CellWork(cell=cell, bench=bench, attack=attack, digest=digest(content))


def versions() -> dict[str, str]:
    """Versions of what computes, for the record."""
    return {"robusthash": robusthash.__version__, "torch": torch.__version__, "numpy": np.__version__}
