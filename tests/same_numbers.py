"""Runs a fixed grid of cells through the installed command, and tells whether two runs of it gave the same bytes.

For whoever changes the way that numbers are made, and not the numbers::

    python tests/same_numbers.py run OUT [--small]   # with the code as it was, and as it is: two folders
    python tests/same_numbers.py compare OLD NEW     # every array and metric of every cell; exit code 1 if one differs
    python tests/same_numbers.py golden OUT FILE     # what a run told, small enough to be kept: tests/golden/small.json

A cell is known by its command and by what its record says of victim and attack, so that a record's own name may change.
"""

import argparse
import hashlib
import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_QUERIES = ["--queries", "24"]
_FEW = [*_QUERIES, "-o", "train.epochs=4"]
_SMALL: dict[str, list[str]] = {
    "main": ["--model", "dpsh", "--attack", "rnm", "--attack", "rnm-p2s", *_FEW],
    "ensemble": ["--model", "lsh", "--attack", "strongest/v1", "-o", "strongest/v1.members=hinge,hag", *_QUERIES],
    "jpeg": ["--model", "dpsh", "--defense", "bit-depth", "--attack", "hinge", "--jpeg", "75", *_FEW],
    "services": ["--model", "dpsh", "--surrogate", "lsh", "--attack", "hinge", "--retriever", "torch", *_FEW],
}
_GRID: dict[str, list[str]] = _SMALL | {
    "untargeted": [
        *("--model", "dpsh", "--model", "hashnet"),
        *("--attack", "hag", "--attack", "hinge", "--attack", "mainstay", "--attack", "center", "--attack", "sdha"),
        *_FEW,
    ],
    "targeted": [
        *("--model", "dpsh", "--attack", "rnm-p2p", "--attack", "tanh-p2s", "--attack", "tha"),
        *("--attack", "hinge-p2s", "--attack", "mainstay-target", "--attack", "sdha-target", *_FEW),
    ],
    "baselines": ["--model", "csq", "--attack", "mosaic", "--attack", "brightness", "--attack", "transparency", *_FEW],
    "queries": [
        *("--model", "dpsh", "--attack", "square", "--attack", "square/ids"),
        *("-o", "square.queries=60", "-o", "square/ids.queries=60", *_FEW),
    ],
    "smoothed": [
        *("--model", "dpsh", "--attack", "mainstay", "-o", "mainstay.decay=1", "-o", "mainstay.nesterov=true"),
        *("-o", "mainstay.diversity=0.5", "-o", "mainstay.variance=2", "-o", "mainstay.steps=20", *_FEW),
    ],
    "adaptive": [
        *("--model", "dpsh", "--attack", "hinge", "-o", "hinge.step=adaptive", "-o", "hinge.restarts=2"),
        *("--epsilon", "8/255", "--epsilon", "0.2", *_FEW),
    ],
    "strongest": ["--model", "dpsh", "--attack", "strongest", "--queries", "12", "-o", "train.epochs=4"],
    "defended": ["--model", "dpsh", "--defense", "jpeg", "--attack", "hinge", *_FEW],
    "hardened": [
        *("--model", "dpsh", "--defense", "cgat/fast", "-o", "cgat/fast.epochs=1"),
        *("--attack", "mainstay", *_FEW),
    ],
    "indexes": ["--model", "dpsh", "--bits", "16", "--attack", "rnm", "--retriever", "faiss-ivf", *_FEW],
    "hashes": ["--model", "phash", "--model", "itq", "--attack", "square", "-o", "square.queries=40", *_QUERIES],
    "sweep": ["--model", "dpsh", "--attack", "rnm", "--vary", "rnm.steps=5,20", "--metric", "map", *_FEW],
    "sharded": ["--model", "dpsh", "--attack", "rnm", "--shard-size", "7", "--seed", "3", "--workers", "2", *_FEW],
}


def run(out: Path, *, small: bool) -> None:
    """Evaluates the grid, the results of each command in a folder of its own."""
    for name, arguments in (_SMALL if small else _GRID).items():
        results = out / name
        command = [sys.executable, "-m", "robusthash", "eval", *arguments, "--results", str(results), "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: exit code {done.returncode}\n{done.stderr}")
        print(f"{name}: {len(list(results.rglob('*.json')))} records", flush=True)  # noqa: T201 - a script's output


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a run told of one cell.

    Attributes:
        digests: of each of its arrays and parts, by name.
        metrics: by stage, metric and side, and floors.
        trained: whether a model was trained for it, whose weights differ with what computes.
    """

    digests: dict[str, str]
    metrics: dict[str, float]
    trained: bool


def cells(folder: Path) -> Iterator[tuple[str, Told]]:
    """Each record of a run: what it is, and what it told."""
    for path in sorted(folder.rglob("*.json")):
        record = json.loads(path.read_text())
        surrogate = record.get("surrogate") or {}
        options = {name: value for name, value in record["attack"]["options"].items() if name != "members"}
        told = [record["model"]["name"], record["model"]["bits"], (record["defense"] or {}).get("name")]
        told += [record["attack"]["name"], options, record["epsilon"], surrogate.get("name")]
        name = f"{path.relative_to(folder).parts[0]}: {json.dumps(told, sort_keys=True)}"
        with np.load(path.with_suffix(".npz")) as arrays:
            found = {key: _digest(array.tobytes()) for key, array in arrays.items()}
        for part in ("metrics", "floors", "imagery", "search"):
            found[part] = _digest(json.dumps(record[part], sort_keys=True).encode())
        found |= {f"probe.{key}": str(value) for key, value in record["probe"].items()}
        passes = {key: record["cost"].get(key) for key in ("forward", "backward", "queries")}
        found |= {"passes": str(passes), "flags": str([flag["id"] for flag in record["flags"]])}
        trained = any("train" in one.get("options", {}) for one in (record["model"], surrogate))
        yield name, Told(digests=found, metrics=_metrics(record), trained=trained)


def _metrics(record: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{stage}/{metric}/{side}": measure[side]
        for stage, measures in record["metrics"].items()
        for metric, measure in measures.items()
        for side in ("value", "worst", "best")
    } | {f"floor/{name}": value for name, value in record["floors"].items()}


def golden(folder: Path, file: Path) -> None:
    """Writes what a run told, and what computed it."""
    told = {
        name: {"trained": cell.trained, "metrics": cell.metrics, "digests": cell.digests}
        for name, cell in cells(folder)
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"computed_by": computed_by(), "cells": told}
    file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def computed_by() -> dict[str, str]:
    """What decides the bytes of a result, beside the code: its libraries, and which kernels they choose."""
    import torch  # heavy, and not needed to compare

    cpu = Path("/proc/cpuinfo")
    vendor = re.search(r"^vendor_id\s*: (.*)$", cpu.read_text() if cpu.exists() else "", re.MULTILINE)
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "processor": vendor[1] if vendor else platform.machine(),
    }


def compare(old: Path, new: Path) -> list[str]:
    """What differs between two runs, a line each; nothing if all is the same."""
    before, after = ({name: cell.digests for name, cell in cells(folder)} for folder in (old, new))
    lines = [f"only in {old}: {name}" for name in sorted(before.keys() - after.keys())]
    lines += [f"only in {new}: {name}" for name in sorted(after.keys() - before.keys())]
    for name in sorted(before.keys() & after.keys()):
        lines += [f"{name}: {key} differs" for key in differing(before[name], after[name])]
    return lines


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Names of what is not the same in two runs of one cell."""
    # A probe may look at more than it did, and more may be noted of a query; everything else has to be there in both.
    keys = [key for key in before.keys() | after.keys() if key in before or not key.startswith(("probe.", "twins"))]
    return sorted(key for key in keys if before.get(key) != after.get(key))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def main(arguments: list[str]) -> int:
    """The command: see the module's own words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands: Any = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("out", type=Path)
    runs.add_argument("--small", action="store_true")
    compares = commands.add_parser("compare")
    compares.add_argument("old", type=Path)
    compares.add_argument("new", type=Path)
    goldens = commands.add_parser("golden")
    goldens.add_argument("out", type=Path)
    goldens.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "run":
        run(given.out, small=given.small)
        return 0
    if given.command == "golden":
        golden(given.out, given.file)
        return 0
    lines = compare(given.old, given.new)
    count = len(dict(cells(given.old)))
    print("\n".join(lines) or f"{count} cells: every array, metric and count is the same")  # noqa: T201 - likewise
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
