"""Kills runs at random and at chosen moments, runs several at once, and compares all with undisturbed ones.

``python tests/kills --kills 200 --rounds 30``: a line for each kill and each round, a summary, and exit code 1 if
anything is lost, doubled, different, left over or left running, or if any run does not end well. A kill at a chosen
moment is one at a write, a rename or a removal, before or after it; every other is so.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from contents import Contents, contents, differences, empty_folders
from runs import Kill, running, start
from work import ATTACKS, EPSILONS, JOBS, SIDE, Job, Undisturbed, fresh, grid, nothing, undisturbed


def main() -> int:
    """Does what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="how many runs are killed, each then restarted")
    parser.add_argument("--rounds", type=int, default=3, help="how often 2 to 4 runs work on one folder")
    parser.add_argument("--workers", type=int, default=2, help="processes of every other concurrent run; 1 for none")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--jobs", default=",".join(job.name for job in JOBS), help="which are killed, by commas")
    parser.add_argument("--folder", type=Path, help="where to work, kept afterwards; else a temporary one")
    options = parser.parse_args()
    root = options.folder or Path(tempfile.mkdtemp(prefix="robusthash-kills-"))
    root.mkdir(parents=True, exist_ok=True)
    begun, draw, count = time.monotonic(), random.Random(options.seed), Counter[str]()
    references = _references(root, options.jobs.split(","))
    chosen = [reference for reference in references.values() if reference.job.name in options.jobs.split(",")]
    faults = []
    for number in range(options.kills):
        faults += _killed(root, number, chosen[number % len(chosen)], draw, count)
    if options.rounds:
        whole = undisturbed(root, Job(name="grid", arguments=grid(ATTACKS, EPSILONS, 1)), root / "train")
        for number in range(options.rounds):
            faults += _round(root, number, whole, draw, count, workers=options.workers)
    for fault in faults:
        print(f"fault: {fault}")
    told = ", ".join(f"{number} {what}" for what, number in sorted(count.items()))
    print(f"{told or 'nothing done'}; {len(faults)} faults; {time.monotonic() - begun:.0f} s, seed {options.seed}")
    if options.folder is None and not faults:
        shutil.rmtree(root)
    return 1 if faults else 0


def _references(root: Path, names: list[str]) -> dict[str, Undisturbed]:
    """The jobs, undisturbed, and those that they start with."""
    empty = nothing(root / "nothing")
    needed = {"train", *names, *(job.after for job in JOBS if job.name in names)}
    found = {}
    for job in JOBS:
        if job.name in needed:
            found[job.name] = undisturbed(root, job, root / job.after if job.after else empty)
            same = [found[name] for name in SIDE if name in found]
            for other in same[1:]:
                for difference in differences(_records(other), _records(same[0])):
                    raise RuntimeError(f"{other.job.name} comes to other records than {same[0].job.name}: {difference}")
            print(f"undisturbed {job.name}: {found[job.name].calls} calls, {found[job.name].seconds:.1f} s", flush=True)
    return found


def _records(reference: Undisturbed) -> Contents:
    return {path: digest for path, digest in reference.outcome.items() if path.startswith("results/")}


def _killed(root: Path, number: int, reference: Undisturbed, draw: random.Random, count: Counter[str]) -> list[str]:
    """Kills a run, starts it again, and tells what is wrong then."""
    job, folder, log = reference.job, root / "killed", root / f"kill-{number}.log"
    while True:
        worker = "--workers" in job.arguments and draw.random() < 0.5
        kill = _moment(reference, draw, at_call=number // len(JOBS) % 2 == 0, worker=worker)
        fresh(folder, reference.before)
        run = start(job.arguments, folder, log, kill)
        code = run.finish(kill)
        if code in (-signal.SIGKILL, -signal.SIGTERM) or (run.killed and not code):
            break
        if code:
            return [f"kill {number}, {job.name}: ended with {code} before it was killed: {log.read_text()}"]
    count[f"kills {'at calls' if kill.call is not None else 'of workers' if kill.worker else 'at random'}"] += 1
    wrong = [f"left running: {process}" for process in running(folder)]
    if not kill.worker:  # else it has gone on
        wrong += _restarted(job.arguments, folder, log)
    wrong += [*differences(contents(folder), reference.outcome), *empty_folders(folder)]
    print(f"kill {number}, {job.name}, {kill}: {'; '.join(wrong) or 'as undisturbed'}", flush=True)
    return [f"kill {number}, {job.name}, {kill}: {one}" for one in wrong]


def _moment(reference: Undisturbed, draw: random.Random, *, at_call: bool, worker: bool = False) -> Kill:
    if worker:
        return Kill(seconds=draw.uniform(0, reference.seconds), worker=True)
    if at_call:
        return Kill(call=draw.randrange(reference.calls), after=draw.random() < 0.5)
    how = signal.SIGTERM if draw.random() < 0.25 else signal.SIGKILL
    return Kill(seconds=draw.uniform(0, reference.seconds), signal=how)


def _restarted(arguments: tuple[str, ...], folder: Path, log: Path) -> Iterator[str]:
    again = start(arguments, folder, log.with_name(f"{log.stem}-again.log"))
    try:
        code = again.finish()
    except TimeoutError as error:
        yield str(error)
        return
    if code:
        yield f"the restart ended with {code}: {again.log.read_text()}"
    yield from (f"left running: {process}" for process in running(folder))


def _round(
    root: Path, number: int, whole: Undisturbed, draw: random.Random, count: Counter[str], *, workers: int
) -> list[str]:
    """Runs several at once on one folder, kills one in every other round, and tells what is wrong then."""
    folder = fresh(root / "shared", root / draw.choice(("train", "nothing")))
    asked = []
    for place in range(draw.randint(2, 4)):
        attacks = draw.sample(ATTACKS, draw.randint(1, len(ATTACKS)))
        radii = draw.sample(EPSILONS, draw.randint(1, len(EPSILONS)))
        asked.append(grid(tuple(attacks), tuple(radii), workers if (number + place) % 2 else 1))
    kill = _moment(whole, draw, at_call=number % 4 == 1) if number % 2 else None
    logs = [root / f"round-{number}-{place}.log" for place in range(len(asked))]
    runs = [
        start(arguments, folder, log, None if place else kill)
        for place, (arguments, log) in enumerate(zip(asked, logs, strict=True))
    ]
    wrong: list[str] = []
    printed: set[str] = set()
    for place, run in enumerate(runs):
        try:
            code = run.finish(None if place else kill)
        except TimeoutError as error:
            wrong.append(str(error))
            continue
        if code in (-signal.SIGKILL, -signal.SIGTERM) and kill and not place:
            count["kills among concurrent runs"] += 1
            wrong += _restarted(run.arguments, folder, run.log)
        elif code:
            wrong.append(f"run {place} ended with {code}: {run.log.read_text()}")
        else:
            printed |= {record["digest"] for record in json.loads(run.output.read_text())}
    count["rounds"] += 1
    count["concurrent runs"] += len(runs)
    wrong += [f"left running: {process}" for process in running(folder)]
    wrong += [*differences(contents(folder), whole.outcome, some=True), *empty_folders(folder)]
    stored = {json.loads(path.read_text())["digest"] for path in (folder / "results").rglob("*.json")}
    wrong += [f"lost: record {digest}" for digest in printed - stored]
    print(f"round {number}, {len(runs)} runs, killed: {kill or 'none'}: {'; '.join(wrong) or 'well'}", flush=True)
    return [f"round {number}: {one}" for one in wrong]


if __name__ == "__main__":
    sys.exit(main())
