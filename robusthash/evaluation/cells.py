"""One cell: the job that its shards run, and the record that their results make."""

import platform
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

import robusthash
from robusthash.adversary import Evidence, Targets, TargetSelector, soundness
from robusthash.contracts import Attack, CodeBank, Split, Threat
from robusthash.errors import CapabilityError
from robusthash.evaluation.encoding import cached_codes
from robusthash.evaluation.plan import Cell, VictimPlan
from robusthash.evaluation.scoring import Database, Scored, score
from robusthash.evaluation.shards import Arrays, Job
from robusthash.evaluation.victims import Victim, get_victim
from robusthash.evaluation.workshop import Chosen, Workshop
from robusthash.hashing import pack, vote
from robusthash.metrics import Relevance, random_floor, worst_floor
from robusthash.results import Cost, DatasetUse, Flag, Measure, PluginUse, Record
from robusthash.specs import Capability, Goal
from robusthash.storage import digest

_IMAGERY = ("psnr", "ssim", "linf", "l2", "clipped")


class Bench:
    """A victim on the bench: its database, its queries, and everything that its cells share.

    Args:
        plan: which victim.
        shop: the dataset and the plugins.
    """

    def __init__(self, plan: VictimPlan, shop: Workshop) -> None:
        self.plan = plan
        self.shop = shop

    @cached_property
    def victim(self) -> Victim:
        """The model, frozen, on the device."""
        return get_victim(self.plan, self.shop)

    @cached_property
    def queries(self) -> Split:
        """The queries to attack."""
        return self.shop.data.query.take(self.shop.query_positions)

    @cached_property
    def query_ids(self) -> Tensor:
        """(n,) int64, their positions in the dataset's query split."""
        return torch.tensor(self.shop.query_positions, dtype=torch.int64)

    @cached_property
    def database_codes(self) -> Tensor:
        """(items, bits) int8."""
        return self._codes(self.shop.data.database)

    @cached_property
    def bank(self) -> CodeBank:
        """Codes and labels of the train split."""
        train = self.shop.data.train
        return CodeBank(codes=self._codes(train), labels=train.labels)

    @cached_property
    def database(self) -> Database:
        """What is searched."""
        packed = pack(self.database_codes)
        bits = self.victim.model.bits
        index = self.shop.retriever.plugin.index(packed, bits)
        return Database(packed=packed, labels=self.shop.data.database.labels, bits=bits, index=index)

    @cached_property
    def targets(self) -> Targets:
        """Target labels and anchors: the same for every victim and attack of this dataset and seed."""
        selector = TargetSelector(seed=self.shop.setting.seed)
        return selector.select(self.queries.labels, self.query_ids, self.shop.data.database.labels)

    def score(self, packed: Tensor, labels: Tensor) -> Scored:
        """Scores codes of the queries with respect to some labels."""
        return score(
            packed,
            labels,
            self.database,
            self.shop.metrics,
            seed=self.shop.setting.seed,
            relevance=Relevance.SHARE_ANY,
        )

    def _codes(self, split: Split) -> Tensor:
        key = digest({"weights": self.victim.use.digest, "defense": _plain(self.victim.defense)})
        return cached_codes(self.victim.model, key, split, device=self.shop.device)


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
        attack, bench = self.attack.plugin, self.bench
        needs, targeted = attack.needs, attack.goal is Goal.TARGETED
        if (targeted or Capability.ANCHORS in needs) and not bench.shop.data.database.labels.any():
            raise CapabilityError(f"attack {self.cell.attack!r} needs labels, and the database has none")
        return Job(
            victim=bench.victim.model,
            attack=attack,
            purpose=self.attack.registered.full_name,
            images=bench.queries.images,
            ids=bench.query_ids,
            labels=bench.queries.labels if Capability.LABELS in needs else None,
            targets=bench.targets.labels if targeted else None,
            anchors=bench.targets.anchor_codes(bench.database_codes) if Capability.ANCHORS in needs else None,
            bank=bench.bank if Capability.CODE_BANK in needs else None,
            threat=self.threat,
            seed=bench.shop.setting.seed,
            device=bench.shop.device,
        )


def make_ready(cell: Cell, bench: Bench) -> CellWork:
    """Looks up the attack, and names the cell by everything that could change its numbers."""
    shop = bench.shop
    attack = shop.attack(cell.attack)
    content = {
        "dataset": asdict(_dataset_use(bench)),
        "model": asdict(bench.victim.use),
        "defense": _plain(bench.victim.defense),
        "attack": asdict(attack.use),
        "epsilon": cell.epsilon,
        "seed": shop.setting.seed,
        "shard_size": shop.shard_size,
        "relevance": str(Relevance.SHARE_ANY),
        "protocols": _protocols(shop),
        "retriever": asdict(shop.retriever.use),
        "versions": _versions(),
        "device": shop.device.type,
    }
    return CellWork(cell=cell, bench=bench, attack=attack, digest=digest(content))


def assemble(work: CellWork, arrays: Arrays, noise: Record | None) -> tuple[Record, Arrays]:
    """The record of a cell whose shards are all there, and its arrays: one row a query.

    Args:
        work: the cell.
        arrays: of all shards.
        noise: the record of noise on the same victim at the same radius, if there is one.
    """
    bench, attack = work.bench, work.attack.plugin
    targeted = attack.goal is Goal.TARGETED
    stages = {name: torch.from_numpy(arrays[name]) for name in ("clean", "adversarial", "unrounded")}
    metrics: dict[str, dict[str, Measure]] = {}
    kept: Arrays = {name: arrays[name] for name in ("ids", *stages, *_IMAGERY, "pixels")}
    for stage, packed in stages.items():
        views = {"": bench.queries.labels, **({"t-": bench.targets.labels} if targeted else {})}
        metrics[stage] = {}
        for prefix, labels in views.items():
            scored = bench.score(packed, labels)
            metrics[stage].update({f"{prefix}{name}": measure for name, measure in scored.measures.items()})
            kept.update({f"{stage}/{prefix}{name}": values for name, values in scored.per_query.items()})
            if not prefix and stage != "unrounded":
                kept[f"{stage}/neighbours"] = scored.neighbours
    moved = _hamming(arrays["clean"], arrays["adversarial"])
    kept["hamming"] = moved
    imagery = {name: float(arrays[name].mean()) for name in _IMAGERY} | {"hamming": float(moved.mean())}
    forward, backward = (int(count) for count in arrays["passes"])
    record = Record(
        digest=work.digest,
        dataset=_dataset_use(bench),
        model=bench.victim.use,
        defense=bench.victim.defense,
        attack=work.attack.use,
        goal=str(attack.goal),
        epsilon=work.cell.epsilon,
        seed=bench.shop.setting.seed,
        relevance=str(Relevance.SHARE_ANY),
        retriever=bench.shop.retriever.use,
        shard_size=bench.shop.shard_size,
        metrics=metrics,
        floors=_floors(bench, targeted=targeted),
        imagery=imagery,
        protocols=_protocols(bench.shop),
        cost=Cost(forward=forward, backward=backward, seconds=float(arrays["seconds"][0])),
        flags=(),
        versions=_versions(),
        environment=_environment(bench.shop.device),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return replace(record, flags=_flags(work, record, noise, float(arrays["linf"].max()))), kept


def _flags(work: CellWork, record: Record, noise: Record | None, linf: float) -> tuple[Flag, ...]:
    headline = next(iter(work.bench.shop.metrics))
    attack = work.attack.plugin
    if attack.goal is Goal.TARGETED:
        # Noise is run untargeted; what a targeted attack must beat is the clean queries' score on the same targets.
        headline = f"t-{headline}"
        beside: float | None = record.metrics["clean"][headline].value
    else:
        beside = noise.metrics["adversarial"][headline].value if noise else None
    evidence = Evidence(
        goal=attack.goal,
        threat=work.threat,
        linf=linf,
        clipped=record.imagery["clipped"],
        clean=record.metrics["clean"][headline].value,
        attacked=record.metrics["adversarial"][headline].value,
        noise=beside,
        moved=record.imagery["hamming"],
        gradients=Capability.GRADIENTS in attack.needs,
    )
    return tuple(Flag(id=name, message=message) for name, message in soundness(evidence))


def _floors(bench: Bench, *, targeted: bool) -> dict[str, float]:
    labels, items = bench.queries.labels, bench.shop.data.database.labels
    floors = {
        "random": random_floor(labels, items, relevance=Relevance.SHARE_ANY),
        "worst": worst_floor(labels, items, relevance=Relevance.SHARE_ANY),
    }
    if targeted:
        anchor = pack(vote(bench.targets.anchor_codes(bench.database_codes)))
        headline = next(iter(bench.shop.metrics))
        floors["t-random"] = random_floor(bench.targets.labels, items, relevance=Relevance.SHARE_ANY)
        floors["t-anchor"] = bench.score(anchor, bench.targets.labels).measures[headline].value
    return floors


def _dataset_use(bench: Bench) -> DatasetUse:
    use, data = bench.shop.dataset.use, bench.shop.data
    return DatasetUse(
        name=data.name,
        owner=use.owner,
        options=use.options,
        digest=data.digest,
        queries=len(bench.queries),
        query_digest=bench.queries.digest,
        database=len(data.database),
    )


def _protocols(shop: Workshop) -> dict[str, str]:
    return {name: metric.protocol for name, metric in shop.metrics.items()}


def _versions() -> dict[str, str]:
    return {"robusthash": robusthash.__version__, "torch": torch.__version__, "numpy": np.__version__}


def _environment(device: torch.device) -> dict[str, str]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {"device": device.type, "device_name": name, "threads": str(torch.get_num_threads())}


def _plain(use: PluginUse | None) -> dict[str, Any] | None:
    return None if use is None else asdict(use)


def _hamming(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    moved: np.ndarray = np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int64)
    return moved
