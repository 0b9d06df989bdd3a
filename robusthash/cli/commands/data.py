"""``robusthash data``: list, verify and prepare datasets."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from robusthash.boundary import foreign
from robusthash.cli.commands.plugins.listing import show_listing
from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.input.names import DATASET, OPTION
from robusthash.cli.input.paths import PATH
from robusthash.cli.output.columns import paragraph, show_table
from robusthash.cli.output.lines import line
from robusthash.errors import ContractError, DatasetError, OptionError
from robusthash.files.opening import require_file
from robusthash.host import PluginHost, PluginKind, Registered, is_for, options_of
from robusthash.options import parse_assignments

if TYPE_CHECKING:
    from robusthash.contracts import Dataset, DatasetContext, Finding
    from robusthash.evaluation.inspecting.counts import DataCounts
    from robusthash.progress import Report

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("name", type=DATASET),
    click.option("--data-root", type=PATH, metavar="DIR", help="Folder with the dataset's files."),
    click.option(
        "-o",
        "--option",
        "assignments",
        type=OPTION,
        multiple=True,
        metavar="NAME.FIELD=VALUE",
        help="Set an option of the dataset.",
    ),
    quiet_option,
)


def _dataset_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group("data")
def command() -> None:
    """List, verify and prepare datasets."""


@command.command("list")
@json_option
@click.pass_context
def list_(context: click.Context, *, as_json: bool) -> None:
    """List the datasets, with the distribution that each comes from."""
    everything = load_host(context).all(PluginKind.DATASET)
    if as_json:
        click.echo(json.dumps([_summary(registered) for registered in everything], indent=2))
        return
    show_listing("dataset", everything)


@command.command("verify")
@_dataset_options
@click.option("--image-size", type=int, metavar="PIXELS", help="Resize images to this height and width.")
@json_option
@click.pass_context
def verify(
    context: click.Context,
    *,
    name: str,
    data_root: Path | None,
    assignments: tuple[str, ...],
    image_size: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Count what is in a dataset, and check it for faults that make results wrong.

    Every image is read. The exit code is 2 if there is an error.

    \b
    robusthash data verify digits
    robusthash data verify flickr25k --data-root /data
    """
    registered, dataset = _dataset(load_host(context), name, assignments)
    from robusthash.evaluation.tasks.verify import verify as verify_dataset

    with progress(quiet=quiet) as report:
        findings, counts = verify_dataset(dataset, _place(data_root, report, image_size))
    levels = Counter(finding.level for finding in findings)
    if as_json:
        content = {
            "dataset": registered.spec.name,
            "owner": str(registered.owner),
            "errors": levels["error"],
            "warnings": levels["warning"],
            "counts": None if counts is None else asdict(counts),
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(content, indent=2))
    else:
        if counts is not None:
            _show_counts(counts)
        _show(name, findings)
    if levels["error"]:
        context.exit(DatasetError.exit_code)


@command.command("prepare")
@_dataset_options
@click.option(
    "--source",
    type=PATH,
    metavar="PATH",
    help="Your copy of the original distribution.",
)
@click.pass_context
def prepare(
    context: click.Context,
    *,
    name: str,
    data_root: Path | None,
    assignments: tuple[str, ...],
    quiet: bool,
    source: Path | None,
) -> None:
    """Download or convert a dataset's files, into --data-root or the cache.

    \b
    robusthash data prepare cifar10
    robusthash data prepare cifar10 --source ~/cifar-10-python.tar.gz --data-root /data
    robusthash data prepare flickr25k/rnm --source ~/mirflickr25k --data-root /data
    """
    _, dataset = _dataset(load_host(context), name, assignments)
    if source is not None:
        require_file(source, "--source", hint="name your copy of the files", or_folder=True)
    with progress(quiet=quiet) as report, foreign(dataset, "prepare its data"):
        place = _place(data_root, report)
        left = dataset.prepare(place, source)
    line(f"{name}: {left}" if left else f"{name} is ready in {place.root or place.cache}")


def _dataset(host: PluginHost, name: str, assignments: tuple[str, ...]) -> "tuple[Registered, Dataset]":
    from robusthash.contracts import Dataset

    registered = host.find(PluginKind.DATASET, name)
    options = parse_assignments(assignments)
    for owner in options:
        if not is_for(owner, registered):
            raise OptionError(
                f"an option of {owner!r}, but the dataset is {name!r}", hint=f"write -o {name}.field=value"
            )
    dataset = host.create(registered, options_of(host, registered, options))
    if not isinstance(dataset, Dataset):
        raise ContractError(
            f"dataset {name!r} of {registered.owner} is a {type(dataset).__name__}, not a Dataset",
            hint="report it to the plugin's author",
        )
    return registered, dataset


def _place(root: Path | None, report: "Report", image_size: int | None = None) -> "DatasetContext":
    from robusthash.contracts import DatasetContext
    from robusthash.files.caching import cache_folder

    return DatasetContext(root=root, cache=cache_folder(), image_size=image_size, progress=report)


def _summary(registered: Registered) -> dict[str, Any]:
    spec = registered.spec
    return {
        "name": spec.name,
        "distribution": registered.owner.distribution,
        "version": registered.owner.version,
        "summary": spec.summary,
        "paper": spec.paper,
    }


def _show_counts(counts: "DataCounts") -> None:
    from robusthash.results.rendering.sheet import Column, Line, Table

    columns = (
        Column(name="split", words=True),
        *(Column(name=name) for name in ("items", "duplicates", "in database", "no label")),
        Column(name="labels an item", omitted=1),
        Column(name="classes"),
        Column(name="inputs", words=True, omitted=0),
        Column(name="files", words=True, omitted=2),
    )
    lines = []
    for name, split in counts.splits.items():
        sizes = "-"
        if split.sizes is not None:
            (narrowest, widest), (lowest, highest) = split.sizes
            sizes = f"{narrowest}x{lowest} to {widest}x{highest}"
        cells = (
            name,
            str(split.items),
            str(split.duplicates),
            "-" if split.in_database is None else str(split.in_database),
            str(split.unlabelled),
            f"{split.labels:.2f}",
            f"{split.classes} of {counts.classes}",
            split.inputs,
            sizes,
        )
        lines.append(Line(cells=cells))
    show_table(Table(columns=columns, lines=tuple(lines)))
    paragraph(
        f"items of a class in the database: {counts.smallest_class} to {counts.largest_class}; "
        f"queries with nothing to find: {counts.nothing_to_find}; without another target: {counts.only_own_targets}"
    )


def _show(name: str, findings: "list[Finding]") -> None:
    for finding in findings:
        line(f"{finding.level}: {finding.where}: {finding.what}")
    if not findings:
        line(f"{name}: no problems found")
