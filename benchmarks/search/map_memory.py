"""Large databases: the memory and the CPU seconds of their MAP, with codes and labels in memory and in mapped files.

    python -m benchmarks.search.map_memory [--items 10000000] [--queries 1000] [--plot docs/large.svg] [--whole]

Packed codes and packed labels of each database are written to files first, in parts. Then `robusthash.metrics.map`
scores them in a process of its own, whose peak resident memory (VmHWM) counts: 64 and 256 bits from arrays in memory,
and 64 bits from memory maps, for a quarter, a half, and all of the items. *Nothing* is a process that only imports what
the others do. Ten times the largest database follow by extrapolation: its memory is what memory maps take of any, its
time grows with its items. With ``--whole`` it is scored as well.

Bounds: each peak is below 2 GB; of memory maps, that of all items is at most 64 MiB above that of a quarter of them; a
line through the CPU seconds of a half and a quarter predicts those of all items to 15 %. Exits with 1 if one is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

import robusthash.metrics as metrics
from benchmarks.search.scene import Draw

_CLASSES, _PART = 10, 1 << 20
_MOST, _GROWTH, _LINEAR = 2000, 64, 0.15  #: MB; MiB; share


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one process took.

    Attributes:
        peak: largest resident memory, in MiB.
        cpu: seconds of all threads, of the scores alone.
        value: the map.
    """

    peak: float
    cpu: float
    value: float


def write(folder: Path, items: int, queries: int, bits: int) -> None:
    """Writes a database, part by part."""
    draw = Draw(bits, _CLASSES, 1)
    for name, array in zip(("queries", "wanted"), draw.part(queries), strict=True):
        np.save(folder / f"{name}.npy", array)
    widths = {"items": bits // 8, "present": -(-_CLASSES // 8)}
    files = [
        np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(items, width))
        for name, width in widths.items()
    ]
    for start in range(0, items, _PART):
        for file, part in zip(files, draw.part(min(_PART, items - start)), strict=True):
            file[start : start + _PART] = part
    for file in files:
        file.flush()


def child(folder: Path, bits: int, items: int, *, mapped: bool) -> Measured:
    """Scores the first items of a database in this process; of none, it only imports."""
    start, value = time.process_time(), 0.0
    if items:
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r" if mapped else None)[: items if place > 1 else None]
            for place, name in enumerate(("queries", "wanted", "items", "present"))
        }
        wanted, present = (
            metrics.PackedLabels(octets=arrays[name], classes=_CLASSES) for name in ("wanted", "present")
        )
        value = float(metrics.map(arrays["queries"], wanted, arrays["items"], present, bits=bits))
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return Measured(peak=peak / 1024, cpu=time.process_time() - start, value=value)


def measured(where: str, folder: Path, bits: int, items: int, *, mapped: bool = False) -> Measured:
    """The same in a process of its own, as a line of the table."""
    command = [sys.executable, "-m", __spec__.name, "--child", str(folder), "--bits", str(bits), "--items", str(items)]
    out = subprocess.run([*command, *(["--mapped"] if mapped else [])], check=True, stdout=subprocess.PIPE, text=True)
    found = Measured(**json.loads(out.stdout))
    what = f"{bits} bits, {where}, {items} items" if items else where
    print(f"{what:52}{found.peak:>10.0f}{found.cpu:>9.1f}{found.value:>10.6f}", flush=True)
    return found


def plot(path: Path, sizes: list[int], found: list[Measured], whole: Measured | None) -> None:
    """Draws CPU seconds and peak memory over the number of items, to ten times the largest that was measured."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "robusthash", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, (time_axes, memory_axes) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    slope, offset = np.polyfit(sizes, [one.cpu for one in found], 1)
    ends = np.array([0, 10 * sizes[-1]])
    time_axes.plot(ends / 1e6, slope * ends + offset, "--", color="0.5", label="line through what is measured")
    for axes, values in ((time_axes, [one.cpu for one in found]), (memory_axes, [one.peak for one in found])):
        axes.plot(np.array(sizes) / 1e6, values, "o", color="C0", label="measured")
        axes.set_xlabel("million items")
        axes.set_ylim(bottom=0)
    if whole is not None:
        time_axes.plot([ends[1] / 1e6], [whole.cpu], "s", color="C1", label="ten times as many, measured")
        memory_axes.plot([ends[1] / 1e6], [whole.peak], "s", color="C1", label="ten times as many, measured")
    time_axes.set_ylabel("CPU seconds")
    memory_axes.set_ylabel("peak memory, MiB")
    time_axes.set_ylim(bottom=0)
    memory_axes.set_ylim(0, 2000)
    time_axes.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--whole", action="store_true", help="also score ten times the items, 1 GB of files")
    parser.add_argument("--plot", type=Path, help="draw the growth to this .svg")
    parser.add_argument("--threads", type=int, default=1)
    for hidden in ("--child", "--bits"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--mapped", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.child:
        print(json.dumps(asdict(child(Path(options.child), int(options.bits), options.items, mapped=options.mapped))))
        return 0

    items, missed = options.items, []
    sizes = [items // 4, items // 2, items]
    print(f"map of {options.queries} queries, packed codes and labels\n{'':52}{'peak MiB':>10}{'CPU s':>9}{'map':>10}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured("nothing", folder, 64, 0)
        write(folder, items, options.queries, 256)
        arrays = [measured("in memory", folder, 256, items)]
        write(folder, items, options.queries, 64)
        arrays.append(measured("in memory", folder, 64, items))
        parts = [measured("in files", folder, 64, size, mapped=True) for size in sizes]
        whole = None
        if options.whole:
            write(folder, 10 * items, options.queries, 64)
            whole = measured("in files", folder, 64, 10 * items, mapped=True)
    highest = max(one.peak for one in (*arrays, *parts, *([whole] if whole else []))) * 2**20 / 1e6
    if highest > _MOST:
        missed.append(f"the highest peak is {highest:.0f} MB, more than {_MOST}")
    quarter, half, full = parts
    if full.peak - quarter.peak > _GROWTH:
        missed.append(f"memory maps: {full.peak - quarter.peak:.0f} MiB more for all items than for a quarter")
    expected = half.cpu + 2 * (half.cpu - quarter.cpu)
    print(f"a line through the first two predicts {expected:.1f} CPU s for all; {full.cpu:.1f} were measured")
    if abs(full.cpu - expected) > _LINEAR * full.cpu:
        missed.append(f"CPU seconds do not grow with the items: {full.cpu:.1f}, not {expected:.1f}")
    slope, offset = np.polyfit(sizes, [one.cpu for one in parts], 1)
    print(f"{10 * items} items by extrapolation: {10 * items * slope + offset:.0f} CPU s, {full.peak:.0f} MiB")
    if options.plot is not None:
        plot(options.plot, sizes, parts, whole)
    for one in missed:
        print(f"missed: {one}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
