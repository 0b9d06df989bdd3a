"""How well photographs are protected: what they retrieve after reloading, JPEG and a crop, beside controls.

    python -m benchmarks.photographs.protection --model scenes.safetensors --other lsh.safetensors --data-root FOLDER

Takes the first queries of the dataset that retrieve their own class when clean, and prints a table in Markdown.
Everything is judged from written files. Processor time is of crafting, writing and judging a photograph.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from robusthash.contracts import FileImages, silent
from robusthash.contracts.data.framing import shorter_side
from robusthash.evaluation.planning.photographs import find_photographs, photograph_request
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.evaluation.protecting.crafting import Protection
from robusthash.evaluation.protecting.judging import Judge, read_after
from robusthash.evaluation.protecting.outcome import Judged, Seen
from robusthash.evaluation.running.preparing.checking import known
from robusthash.evaluation.tasks.protect import MANIFEST, protect_photographs
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System, Systems
from robusthash.host import PluginHost
from robusthash.options import parse_assignments
from robusthash.photographs import open_photograph


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to change photographs.

    Attributes:
        name: for the table.
        models: that are attacked.
        attack: the attack; None is the default one.
        epsilon: radius.
        masked: whether flat parts are changed less.
    """

    name: str
    models: tuple[str, ...]
    attack: str | None = None
    epsilon: float = 8 / 255
    masked: bool = True


@contextmanager
def system_of(request: Request, host: PluginHost) -> Iterator[System]:
    """The model of a request with the database that it searches."""
    resources = Resources(request.setting, host, silent)
    systems = Systems(resources)
    cell = plan(request, known(request, resources))[-1]
    try:
        yield systems.get(cell.victim, cell.direction)
    finally:
        systems.close()


def chosen(system: System, count: int) -> dict[str, str]:
    """The first queries whose class is the most frequent one among their nearest items: path, and class."""
    data = system.resources.data
    images = data.query.images
    files = images if isinstance(images, FileImages) else images.files  # type: ignore[attr-defined]
    index, labels = system.database.index, data.database.labels.float()
    found: dict[str, str] = {}
    for start in range(0, len(data.query), 32):
        rows = range(start, min(start + 32, len(data.query)))
        codes = system.query_model.represent(images.inputs(rows)).cpu()
        votes = labels[index.search(codes, 100).ids].sum(1)
        for row, vote in zip(rows, votes, strict=True):
            own = data.query.labels[row].nonzero().flatten().tolist()
            if len(own) == 1 and int(vote.argmax()) == own[0] and len(found) < count:
                found[str(files.root / files.names[row])] = data.classes[own[0]]
    return found


@dataclass(frozen=True, kw_only=True)
class Witness:
    """A model that is asked about photographs.

    Attributes:
        judge: asks it.
        resize: length of the shorter side that its loader resizes to.
        size: rows and columns of its images.
        keeps: whether its loader takes photographs of this size as they are.
    """

    judge: Judge
    resize: int
    size: int
    keeps: bool

    @classmethod
    def of(cls, system: System) -> Self:
        """A system as a witness."""
        size, images = system.query_model.modality.shape[1], system.resources.data.query.images
        return cls(judge=Judge(system), resize=images.resize or shorter_side(size), size=size, keeps=images.keeps)

    def __call__(self, clean: Path, delivered: Path) -> dict[str, Judged]:
        """What the model makes of a photograph before and after it was protected, by change."""
        files = (clean, delivered)
        read = [
            read_after(one, open_photograph(one).pixels, resize=self.resize, size=self.size, keeps=self.keeps)
            for one in files
        ]
        return self.judge(*read)


def counted(name: str, after: str, seen: Sequence[tuple[Seen, str]]) -> None:
    """Prints a line of the table, of photographs with their classes."""
    lost = sum(one.found != own for one, own in seen)
    few = sum(sum(own in labels for labels in one.nearest) <= 1 for one, own in seen)
    moved = sum(one.moved for one, _ in seen) / len(seen)
    print(f"| {name} | {after} | {lost} | {moved:.1f} | {few} |", flush=True)


def protected(row: Row, folder: Path, output: Path, setting: RunSettings, host: PluginHost) -> dict[str, Any]:
    """The manifest of a folder's photographs, changed as a row says; if they are in the output already, theirs."""
    stored = output / MANIFEST
    if not stored.exists():
        request = photograph_request(row.models, row.attack, setting, epsilon=row.epsilon)
        found, options = find_photographs(folder, output), Protection(masked=row.masked)
        started = time.process_time()
        protect_photographs(request, found, host, output=output, options=options, progress=silent)
        seconds = (time.process_time() - started) / len(found.paths)
        print(f"<!-- {row.name}: {seconds:.2f} s of processor time each -->", flush=True)
    manifest: dict[str, Any] = json.loads(stored.read_text())
    return manifest


def measure(
    row: Row,
    classes: Mapping[str, str],
    witnesses: Mapping[str, Witness],
    folder: Path,
    output: Path,
    setting: RunSettings,
    host: PluginHost,
) -> None:
    """Prints what each model makes of photographs that are changed as a row says."""
    photographs = protected(row, folder, output, setting, host)["photographs"]
    for who, witness in witnesses.items():
        judged = [
            (witness(folder / one["source"], output / one["file"]), classes[one["source"]]) for one in photographs
        ]
        for after in judged[0][0]:
            counted(f"{row.name}{who}", after, [(one[after].protected, own) for one, own in judged])
    psnr = sum(one["psnr"] for one in photographs) / len(photographs)
    print(f"<!-- {row.name}: PSNR {psnr:.1f} dB -->", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="checkpoint that is attacked")
    parser.add_argument("--other", help="checkpoint that is not, of images of the same size")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=50)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the changed photographs, and judge those in it")
    parser.add_argument("--only", nargs="*", help="rows to measure, by name")
    parser.add_argument("-o", "--option", action="append", default=[], metavar="PLUGIN.FIELD=VALUE")
    args = parser.parse_args()
    host = PluginHost.load()
    setting = RunSettings(dataset="auto", data_root=args.data_root, options=parse_assignments(args.option))
    rows = [
        Row(name="8/255", models=(args.model,)),
        Row(name="4/255", models=(args.model,), epsilon=4 / 255),
        Row(name="noise, 8/255, no mask", models=(args.model,), attack="noise", masked=False),
        Row(name="8/255, no mask", models=(args.model,), masked=False),
    ]
    with ExitStack() as stack:
        system = stack.enter_context(system_of(photograph_request((args.model,), None, setting), host))
        witnesses = {"": Witness.of(system)}
        if args.other:
            rows.append(Row(name="8/255 on both models", models=(args.model, args.other)))
            stranger = stack.enter_context(system_of(photograph_request((args.other,), None, setting), host))
            witnesses[f", seen by {Path(args.other).stem}"] = Witness.of(stranger)
        folder, temporary = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2))
        kept = args.keep or temporary
        own = chosen(system, args.photographs)
        classes = {Path(shutil.copy(path, folder)).name: label for path, label in own.items()}
        print(f"{len(own)} photographs of {system.resources.data.name}, {torch.get_num_threads()} thread(s)\n")
        print("| photographs | after | lost | bits moved | precision@10 at most .1 |\n| --- | --- | --- | --- | --- |")
        for who, witness in witnesses.items():
            judged = [(witness(folder / one, folder / one), label) for one, label in classes.items()]
            for after in judged[0][0]:
                counted(f"clean{who}", after, [(one[after].clean, label) for one, label in judged])
        for row in rows:
            if not args.only or row.name in args.only:
                output = kept / row.name.replace("/", "-")
                measure(row, classes, witnesses, folder, output, setting, host)


if __name__ == "__main__":
    main()
