"""One cell made ready: the attack, the job that its shards run, and the record that is to be filled."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

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
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.learning import fitted
from robusthash.evaluation.crafting.shared import Kept
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.scoring.bench import Bench, Benches
from robusthash.evaluation.victims.resources import Chosen
from robusthash.metrics import Relevance
from robusthash.results import AttackUse, Conditions, Effort, Outcome, Record, Scoring, VictimUse
from robusthash.specs import AttackSpec, Capability, Goal, Role
from robusthash.storage import digest

_NOTHING: Kept = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, eq=False)
class CellWork:
    """A cell made ready.

    Attributes:
        cell: what was asked for.
        bench: its victim.
        source: what the attack is crafted on: the victim, or a surrogate.
        attack: the attack with its options.
        record: everything that could change the numbers, and no numbers yet.
        kept: by attack, this one or a member of an ensemble, where images are kept that other cells need too.
    """

    cell: Cell
    bench: Bench
    source: Bench
    attack: Chosen[Attack]
    record: Record
    kept: Kept = field(default_factory=dict)

    @property
    def threat(self) -> Threat:
        """How far the attack may go."""
        return Threat(epsilon=self.cell.epsilon)

    @cached_property
    def job(self) -> Job:
        """What the shards run.

        Raises:
            CapabilityError: the attack needs what this dataset or this threat does not give.
        """
        return self._job(self.attack, self.record, self.kept.get(self.cell.attack))

    def _job(self, chosen: Chosen[Attack], record: Record, kept: Path | None) -> Job:
        attack, bench, source = chosen.plugin, self.bench, self.source
        needs, targeted = attack.needs, attack.goal is Goal.TARGETED
        self._check(chosen)
        members = attack.members if isinstance(attack, Ensemble) else ()
        bank = source.bank if Capability.CODE_BANK in needs else None
        return Job(
            victim=bench.victim.model,
            surrogate=source.victim.model,
            attack=attack,
            members=tuple(self._member(name) for name in members),
            judge=bench if members else None,
            purpose=chosen.registered.full_name,
            images=bench.queries.images,
            ids=bench.query_ids,
            labels=bench.queries.labels if Capability.LABELS in needs else None,
            targets=bench.targets.labels if targeted else None,
            anchors=bench.targets.anchor_codes(source.database_codes) if Capability.ANCHORS in needs else None,
            bank=bank,
            index=bench.database.index if Capability.QUERIES in needs else None,
            fitted=self._fitted(chosen, bank),
            threat=self.threat,
            seed=bench.resources.setting.seed,
            device=bench.resources.device,
            precision=bench.resources.setting.precision,
            run=source.compiled,
            batches=bench.resources.batches,
            kept=kept / digest(record.crafting())[:32] if kept else None,
        )

    def _member(self, name: str) -> Job:
        member = self.bench.resources.attack(name)
        use = replace(self.record.attack, name=member.use.name, owner=member.use.owner, options=member.use.options)
        return self._job(member, replace(self.record, attack=use), self.kept.get(name))

    def _check(self, chosen: Chosen[Attack]) -> None:
        """Refuses what the attack needs and may not have."""
        attack, name = chosen.plugin, chosen.use.name
        wants_labels = attack.goal is Goal.TARGETED or Capability.ANCHORS in attack.needs
        if wants_labels and not self.bench.resources.data.database.labels.any():
            raise CapabilityError(f"attack {name!r} needs labels, and the database has none")
        if self.cell.surrogate is None:
            return
        if isinstance(attack, Ensemble):
            raise CapabilityError(
                f"{name!r} is judged on the victim, which a transfer attack does not know",
                hint=f"name its members one by one: {', '.join(attack.members)}",
            )
        if Capability.LABELS in attack.needs:
            raise CapabilityError(
                f"attack {name!r} needs the queries' labels, which a transfer attack does not know",
                hint=f"let it flee the query's own code: -o {name}.aim=away",
            )

    def _fitted(self, chosen: Chosen[Attack], bank: CodeBank | None) -> Mapping[str, Tensor] | None:
        """What the attack learns on its surrogate, from the cache if it did so before."""
        source, resources = self.source, self.source.resources
        context = AttackContext(
            surrogate=Surrogate(source.victim.model, Budget()),
            threat=self.threat,
            random=Randomness(seed=resources.setting.seed, purpose=chosen.registered.full_name),
            bank=bank,
            progress=resources.progress,
        )
        made_from = {
            **source.victim.identity,
            "train": resources.data.train.digest,
            "size": list(resources.data.train.images.size),
            "attack": asdict(chosen.use),
            "epsilon": self.cell.epsilon,
            "seed": resources.setting.seed,
            "versions": versions(),
            "device": resources.device.type,
        }
        return fitted(chosen.plugin, context, made_from, device=resources.device)


def make_ready(cell: Cell, benches: Benches, *, kept: Kept = _NOTHING) -> CellWork:
    """Looks up the attack, and names the cell by everything that could change its numbers.

    Args:
        cell: what was asked for.
        benches: the victims.
        kept: by attack, where adversarial images are kept that other cells need too.
    """
    resources = benches.resources
    source = benches.get(cell.source)
    bench = benches.get(cell.victim)
    attack = resources.attack(cell.attack, dict(cell.options))
    setting = resources.setting
    blank = Record(
        digest="",
        dataset=bench.dataset_use,
        created="",
        victim=VictimUse(model=bench.victim.use, defense=bench.victim.defense),
        attack=_attack_use(attack, cell, source, setting),
        scoring=Scoring(
            protocols=resources.protocols,
            headline=next(iter(resources.protocols)),
            relevance=str(Relevance.SHARE_ANY),
            retriever=resources.retriever.use,
            qualities=setting.qualities,
        ),
        conditions=Conditions(
            seed=setting.seed,
            shard_size=resources.shard_size,
            versions=versions(),
            environment=environment(resources.device),
        ),
        outcome=Outcome(),
    )
    record = replace(blank, digest=digest(blank.identity()))
    return CellWork(cell=cell, bench=bench, source=source, attack=attack, record=record, kept=kept)


def _attack_use(attack: Chosen[Attack], cell: Cell, source: Bench, setting: RunSettings) -> AttackUse:
    spec, options = attack.registered.spec, attack.use.options
    return AttackUse(
        name=attack.use.name,
        owner=attack.use.owner,
        options=options,
        goal=attack.plugin.goal,
        epsilon=cell.epsilon,
        surrogate=source.victim.use if cell.surrogate else None,
        role=spec.role if isinstance(spec, AttackSpec) else Role.ATTACK,
        effort=Effort(option="steps", value=options["steps"]) if "steps" in options else None,
        passes=int(options.get("passes", 1)),
        precision=str(setting.precision),
        compiled=setting.compiled,
    )


def versions() -> dict[str, str]:
    """Versions of what computes, for the record."""
    return {"robusthash": robusthash.__version__, "torch": torch.__version__, "numpy": np.__version__}


def environment(device: torch.device) -> dict[str, str]:
    """What computes, for the record."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {"device": device.type, "device_name": name, "threads": str(torch.get_num_threads())}
