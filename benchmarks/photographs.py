"""How well photographs are protected: what they retrieve after reloading, JPEG and a crop, beside controls.

    python benchmarks/photographs.py --model scenes.safetensors --other lsh.safetensors --data-root FOLDER

Takes the first queries of the dataset that retrieve their own class when clean, and prints a table in Markdown.
Everything is judged from written files. Processor time is of crafting, writing and judging a photograph.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from robusthash.contracts import FileImages, silent
from robusthash.contracts.data.framing import shorter_side
from robusthash.evaluation.planning.photographs import find_photographs, photograph_request
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.evaluation.protecting.crafting import Protection
from robusthash.evaluation.protecting.judging import Judge, Judged, Seen
from robusthash.evaluation.protecting.outcome import AS_WRITTEN
from robusthash.evaluation.running.checking import known
from robusthash.evaluation.tasks.protect import protect_photographs
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System, Systems
from robusthash.host import PluginHost
from robusthash.options import parse_assignments


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


def counted(name: str, after: str, seen: Sequence[tuple[Seen, str]]) -> str:
    lost = sum(one.found != own for one, own in seen)
    few = sum(sum(own in labels for labels in one.nearest) <= 1 for one, own in seen)
    moved = sum(one.moved for one, _ in seen) / len(seen)
    return f"| {name} | {after} | {lost} | {moved:.1f} | {few} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="checkpoint that is attacked")
    parser.add_argument("--other", required=True, help="checkpoint that is not, of images of the same size")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=50)
    parser.add_argument("--only", nargs="*", help="rows to measure, by name")
    parser.add_argument("-o", "--option", action="append", default=[], metavar="PLUGIN.FIELD=VALUE")
    args = parser.parse_args()
    host, setting = (
        PluginHost.load(),
        RunSettings(dataset="auto", data_root=args.data_root, options=parse_assignments(args.option)),
    )
    rows = [
        Row(name="8/255", models=(args.model,)),
        Row(name="4/255", models=(args.model,), epsilon=4 / 255),
        Row(name="8/255, no mask", models=(args.model,), masked=False),
        Row(name="noise, 8/255, no mask", models=(args.model,), attack="noise", masked=False),
        Row(name="both models, 8/255", models=(args.model, args.other)),
    ]
    request, other = (photograph_request((model,), None, setting) for model in (args.model, args.other))
    with system_of(request, host) as system, system_of(other, host) as stranger:
        own = chosen(system, args.photographs)
        size = system.query_model.modality.shape[1]
        resize = system.resources.data.query.images.resize or shorter_side(size)
        judges = {
            "itself": Judge(system, resize=resize, size=size),
            "another": Judge(stranger, resize=resize, size=size),
        }
        print(f"{len(own)} photographs of {system.resources.data.name}, {torch.get_num_threads()} thread(s)\n")
        print("| photographs | after | lost | bits moved | precision@10 at most .1 |\n| --- | --- | --- | --- | --- |")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary, "photographs")
            folder.mkdir()
            classes = {shutil.copy(path, folder).rpartition("/")[2]: label for path, label in own.items()}
            shown = False
            for row in rows:
                if args.only and row.name not in args.only:
                    continue
                output = Path(temporary, "protected")
                asked = photograph_request(row.models, row.attack, setting, epsilon=row.epsilon)
                started = time.process_time()
                delivery = protect_photographs(
                    asked,
                    find_photographs(folder, output),
                    host,
                    output=output,
                    options=Protection(masked=row.masked),
                    progress=silent,
                )
                spent = time.process_time() - started
                for who, judge in judges.items():
                    judged: list[tuple[dict[str, Judged], str]] = [
                        (judge(folder / one.source, output / one.file), classes[one.source])
                        for one in delivery.photographs
                    ]
                    if not shown:
                        for after in judged[0][0]:
                            print(counted(f"clean, {who}", after, [(one[after].clean, label) for one, label in judged]))
                    for after in judged[0][0]:
                        if who == "itself" or after == AS_WRITTEN:
                            name = row.name if who == "itself" else f"{row.name}, seen by {Path(args.other).stem}"
                            print(
                                counted(name, after, [(one[after].protected, label) for one, label in judged]),
                                flush=True,
                            )
                shown = True
                count = len(delivery.photographs)
                psnr = sum(one.psnr for one in delivery.photographs) / count
                print(f"<!-- {row.name}: {psnr:.1f} dB, {spent / count:.2f} s of processor time each -->", flush=True)


if __name__ == "__main__":
    main()
