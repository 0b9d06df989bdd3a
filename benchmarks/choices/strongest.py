"""Chooses the members of `strongest`: what each of many attacks adds per pass, on each victim and over all of them.

    python -m benchmarks.choices.strongest --store FOLDER --candidates FILE --budget 800 \
        --victim "dpsh: --model dpsh --epsilon 0.05" --check "csq, cgat: --model csq --defense cgat/fast --epsilon 0.1"

A candidate is a line of the file: a registered attack with options, ``hinge-center step=adaptive steps=50``. The option
``try=1`` stands for its first run from a random point, as in the second try of an ensemble. All are run on all victims;
the average precision of each query, and how many passes it took, are kept in the folder, so that another run only adds
what is new. A pass is one forward and one backward pass of one query.

An ensemble is a list of candidates in their order, each on the queries that those before it have not broken. The greedy
selection adds the candidate that lowers the mean over the victims named with ``--victim`` most per pass, until the
budget is spent. Victims named with ``--check`` take no part in it.
"""

import argparse
import hashlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch

from benchmarks.stage import Stage, add_arguments
from robusthash.epsilon import Radius
from robusthash.evaluation import Cell
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.shards import shard_ranges
from robusthash.evaluation.running.preparing.cells import prepare
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.files.arrays import read_arrays, write_arrays
from robusthash.files.storage import digest
from robusthash.host import PluginHost
from robusthash.metrics import bootstrap_interval
from robusthash.specs import Goal

_TRY = "try"  #: the option of a candidate that is none of the attack's


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a candidate does to the queries of a victim.

    Attributes:
        precisions: (n,) average precisions; those of a targeted attack are negated, so that lower is always stronger.
        passes: (n,) forward and backward passes.
    """

    precisions: np.ndarray
    passes: np.ndarray


class Victim:
    """A victim, and what candidates do to it.

    Args:
        told: label, colon, and options of :mod:`stage`.
        store: folder of what has been measured.
    """

    def __init__(self, told: str, store: Path) -> None:
        self.label, _, arguments = (part.strip() for part in told.partition(":"))
        self._store = store / hashlib.sha256(arguments.encode()).hexdigest()[:16]
        self._arguments = arguments

    @cached_property
    def stage(self) -> Stage:
        """The victim itself, made on first use."""
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return Stage(parser.parse_args(shlex.split(self._arguments)))

    def start(self, *, targeted: bool) -> Outcome:
        """Before any attack: average precisions, and as ``passes`` the strongest that is possible."""
        path = self._store / f"start-{targeted}.npz"
        if not path.exists():
            scale, stage = Scale.of(self.stage.system), self.stage
            labels = stage.resources.targets.labels if targeted else stage.resources.queries.labels
            clean = scale.judged(self.stage.model.represent(stage.clean(range(stage.queries))).cpu(), labels)
            limit = scale.strongest_possible(labels, targeted=targeted)
            sign = -1 if targeted else 1
            write_arrays(path, {"precisions": sign * clean, "passes": sign * limit})
        return Outcome(**read_arrays(path))

    def attacked(self, candidate: str) -> Outcome:
        """What a candidate does, measured on first use."""
        path = self._store / f"{_named(candidate)}.npz"
        if not path.exists():
            outcome = self._run(candidate)
            write_arrays(path, {"precisions": outcome.precisions, "passes": outcome.passes})
            print(f"{self.label}: {candidate}: {outcome.precisions.mean():.4f}", file=sys.stderr, flush=True)
        return Outcome(**read_arrays(path))

    def _run(self, candidate: str) -> Outcome:
        name, varied, again = _read(candidate)
        stage = self.stage
        cell = Cell(
            victim=stage.plan, attack=name, radius=Radius(size=stage.epsilon), options=tuple(sorted(varied.items()))
        )
        job = prepare(cell, stage.systems, {}).job
        shards = shard_ranges(stage.queries, stage.resources.shard_size)
        parts = [craft(job, part, restart=again) for part in shards]
        targeted = job.attack.goal is Goal.TARGETED
        labels = stage.resources.targets.labels if targeted else stage.resources.queries.labels
        codes = torch.cat([stage.model.represent(one.adversarial.inputs).cpu() for one in parts])
        found = Scale.of(stage.system).judged(codes, labels)
        passes = np.concatenate([_passes(one, job) for one in parts])
        return Outcome(precisions=-found if targeted else found, passes=passes)


def _read(candidate: str) -> tuple[str, dict[str, str], int]:
    """An attack, its options, and the index of the try."""
    name, *options = candidate.split()
    varied = dict(option.split("=", 1) for option in options)
    return name, varied, int(varied.pop(_TRY, 0))


@cache
def _named(candidate: str) -> str:
    """A digest of what an attack does, with the options that have a default: these may change."""
    name, varied, again = _read(candidate)
    attack = Plugins(_host(), {}).attack(name, varied)
    return digest({"attack": attack.full_name, "options": attack.use.options, "try": again})[:16]


@cache
def _host() -> PluginHost:
    return PluginHost.load()


def _passes(crafted: Crafted, job: Job) -> np.ndarray:
    """(n,) passes of each query: until it had reached its aim, if the attack stops there; else the mean of all."""
    queries = len(crafted.clean)
    if crafted.trace is None or not getattr(job.attack, "stop", False):
        return np.full(queries, crafted.cost.backward / queries)
    ended = np.isclose(crafted.trace, 0)
    passes: np.ndarray = np.where(ended.any(1), ended.argmax(1), crafted.trace.shape[1] - 1).astype(float)
    return passes


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """A victim after some candidates.

    Attributes:
        best: (n,) average precisions of the strongest outcomes.
        passes: (n,) spent so far.
    """

    best: np.ndarray
    passes: np.ndarray


def together(victim: Victim, members: Sequence[str], *, targeted: bool, broken: float) -> Attacked:
    """A victim after an ensemble, whose members attack only what is not broken."""
    start = victim.start(targeted=targeted)
    state = Attacked(best=start.precisions, passes=np.zeros(len(start.precisions)))
    for member in members:
        state = after(state, victim.attacked(member), start.passes + broken)
    return state


def after(state: Attacked, outcome: Outcome, limit: np.ndarray) -> Attacked:
    """A victim after one more member: on queries above a limit, its passes are spent, and what is stronger is kept."""
    left = state.best > limit
    return Attacked(
        best=np.where(left, np.minimum(state.best, outcome.precisions), state.best),
        passes=state.passes + np.where(left, outcome.passes, 0),
    )


def choose(
    victims: Sequence[Victim], candidates: Sequence[str], *, budget: float, targeted: bool, broken: float
) -> list[str]:
    """Greedy selection: in each round the candidate that lowers the mean over the victims most per pass.

    Args:
        victims: that the choice is made on.
        candidates: to choose from, each at most once.
        budget: passes of a query that is never broken.
        targeted: whether they are.
        broken: how near to the strongest possible a query is broken.
    """
    starts = [victim.start(targeted=targeted) for victim in victims]
    states = [Attacked(best=start.precisions, passes=np.zeros(len(start.precisions))) for start in starts]
    chosen: list[str] = []
    while True:
        spent = max(sum(victim.attacked(one).passes.max() for one in chosen) for victim in victims)
        found = []
        for candidate in candidates:
            outcomes = [victim.attacked(candidate) for victim in victims]
            longest = max(outcome.passes.max() for outcome in outcomes)
            if candidate in chosen or spent + longest > budget + 1:
                continue
            new = [
                after(state, outcome, start.passes + broken)
                for state, outcome, start in zip(states, outcomes, starts, strict=True)
            ]
            gain = float(np.mean([(state.best - one.best).mean() for state, one in zip(states, new, strict=True)]))
            cost = float(np.mean([(one.passes - state.passes).mean() for state, one in zip(states, new, strict=True)]))
            found.append((gain / max(cost, 1), gain, candidate, new))
        if not found or max(found, key=lambda one: one[:2])[1] <= 0:
            return chosen
        _, _, candidate, states = max(found, key=lambda one: one[:2])
        chosen.append(candidate)


def _table(title: str, rows: Sequence[tuple[str, Sequence[float]]], columns: Sequence[str]) -> None:
    print(f"\n### {title}\n\n| | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for name, values in rows:
        print(f"| `{name}` | {' | '.join(f'{value:.4f}' if abs(value) < 2 else f'{value:.0f}' for value in values)} |")


def _added(victims: Sequence[Victim], members: Sequence[str], *, targeted: bool, broken: float) -> None:
    """What each member of an ensemble adds after those before it, in thousandths, and the passes."""
    columns = [column for victim in victims for column in (victim.label, "passes")]
    rows = []
    for count in range(len(members) + 1):
        states = [together(victim, members[:count], targeted=targeted, broken=broken) for victim in victims]
        values = [value for state in states for value in (abs(state.best.mean()), state.passes.mean())]
        rows.append((f"+ {members[count - 1]}" if count else "clean", values))
    _table("The members, one after the other", rows, columns)


def _compared(victims: Sequence[Victim], ensembles: dict[str, Sequence[str]], *, targeted: bool, broken: float) -> None:
    """Ensembles side by side, with paired intervals to the first one."""
    print("\n### Ensembles\n\n| victim | ensemble | score | passes | minus the first, 95 % |\n" + "| --- " * 5 + "|")
    for victim in victims:
        found = {
            name: together(victim, members, targeted=targeted, broken=broken) for name, members in ensembles.items()
        }
        first = next(iter(found.values()))
        for name, one in found.items():
            difference = np.abs(one.best) - np.abs(first.best)
            low, high = bootstrap_interval(difference, seed=0)
            print(
                f"| {victim.label} | {name} | {abs(one.best.mean()):.4f} | {one.passes.mean():.0f}"
                f" | {difference.mean():+.4f} [{low:+.4f}, {high:+.4f}] |"
            )


def _beaten(victims: Sequence[Victim], members: Sequence[str], others: Sequence[str], **judged: object) -> None:
    """Share of queries on which a candidate beats the ensemble by more than 0.002."""
    rows = []
    for other in others:
        values = [
            float((together(victim, members, **judged).best - victim.attacked(other).precisions > 0.002).mean())  # type: ignore[arg-type]
            for victim in victims
        ]
        rows.append((other, values))
    rows.sort(key=lambda row: -max(row[1]))
    _table("Share of queries on which it is beaten by more than 0.002", rows, [victim.label for victim in victims])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True, help="folder of what has been measured")
    parser.add_argument(
        "--victim", action="append", default=[], metavar="LABEL: OPTIONS", help="takes part in the choice"
    )
    parser.add_argument("--check", action="append", default=[], metavar="LABEL: OPTIONS", help="takes no part in it")
    parser.add_argument("--candidates", type=Path, required=True, help="file with one attack and its options a line")
    parser.add_argument("--ensemble", action="append", default=[], metavar="NAME: CANDIDATE; ...", help="to compare")
    parser.add_argument("--budget", type=float, default=800, help="passes of a query that is never broken")
    parser.add_argument("--broken", type=float, default=0.002)
    parser.add_argument("--targeted", action="store_true")
    options = parser.parse_args()
    lines = [" ".join(line.partition("#")[0].split()) for line in options.candidates.read_text().splitlines()]
    candidates = list(dict.fromkeys(line for line in lines if line))
    victims = [Victim(told, options.store) for told in options.victim]
    checks = [Victim(told, options.store) for told in options.check]
    everybody = [*victims, *checks]
    judged = {"targeted": options.targeted, "broken": options.broken}
    for victim in everybody:
        for candidate in candidates:
            victim.attacked(candidate)
    alone = [(one, [abs(float(victim.attacked(one).precisions.mean())) for victim in everybody]) for one in candidates]
    _table("Each candidate alone", alone, [victim.label for victim in everybody])
    ensembles: dict[str, Sequence[str]] = {
        name.strip(): [" ".join(member.split()) for member in members.split(";")]
        for name, _, members in (told.partition(":") for told in options.ensemble)
    }
    if victims:
        chosen = choose(victims, candidates, budget=options.budget, **judged)
        ensembles |= {"chosen": chosen}
        _added(everybody, chosen, **judged)
    _compared(everybody, ensembles, **judged)
    if ensembles:
        _beaten(everybody, list(ensembles.values())[-1], candidates, **judged)
    return 0


if __name__ == "__main__":
    sys.exit(main())
