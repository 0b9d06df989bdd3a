"""Evaluates a record of every kind, and makes each again: on this machine, to the byte.

``python tests/reproducing``: a table of what is the same, and exit code 1 if a record is not made again to the byte.
``--also "--threads 2"`` makes them again under other conditions.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kinds import FILES, GIVEN, KINDS, command, write_sources

_COLUMNS = ("stored numbers", "database", "inputs", "codes", "numbers")


def main() -> int:
    """Does what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="kinds whose name has one of these in it, by commas")
    parser.add_argument("--folder", type=Path, help="where to work, kept afterwards; else a temporary one")
    parser.add_argument("--also", default="", help="further arguments of reproduce, such as '--threads 2'")
    options = parser.parse_args()
    root = options.folder or Path(tempfile.mkdtemp(prefix="robusthash-reproducing-"))
    root.mkdir(parents=True, exist_ok=True)
    write_sources(root)
    for name, line in FILES.items():
        if not (root / name).exists():
            _robusthash(*line.format(folder=root).split(), "--quiet")
    faults = 0
    print(f"| kind | {' | '.join(_COLUMNS)} | verdict | seconds |\n|{' --- |' * (len(_COLUMNS) + 3)}")
    for place, kind in enumerate(KINDS):
        if not any(part in kind for part in options.only.split(",")):
            continue
        results = root / f"results-{place}"
        _robusthash(*command(kind, root), "--results", str(results), "--quiet")
        started = time.monotonic()
        for one in _reproduced(results, root, options.also):
            cells = {each["what"]: f"{each['same']}/{each['of']}" for each in one["compared"]}
            told = " | ".join(cells.get(name, "-") for name in _COLUMNS)
            noise = Path(one["where"]).stem.startswith("noise")
            if not noise:
                print(f"| {kind} | {told} | {one['verdict']} | {time.monotonic() - started:.1f} |", flush=True)
            if one["verdict"] != "same":
                faults += 1
                print(f"{kind}{', noise' if noise else ''}: {one['first']}", file=sys.stderr, flush=True)
    if options.folder is None:
        shutil.rmtree(root)
    return 1 if faults else 0


def _reproduced(results: Path, root: Path, also: str) -> list[dict[str, Any]]:
    asked = GIVEN.format(folder=root).split()
    done = _run("reproduce", str(results), *asked, *also.split(), "--quiet", "--json")
    if not done.stdout.startswith("["):
        raise SystemExit(done.stdout + done.stderr)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _robusthash(*arguments: str) -> None:
    done = _run(*arguments)
    if done.returncode:
        raise SystemExit(f"robusthash {' '.join(arguments)}\n{done.stderr}")


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "robusthash", *arguments], capture_output=True, text=True, check=False, timeout=1800
    )


if __name__ == "__main__":
    sys.exit(main())
