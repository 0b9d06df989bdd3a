"""``robusthash data``: list, verify and prepare datasets."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from robusthash.cli.common import json_option, load_host, out, progress, quiet_option
from robusthash.cli.lines import line
from robusthash.cli.paths import PATH
from robusthash.errors import ContractError, DatasetError, OptionError
from robusthash.host import PluginHost, PluginKind, Registered
from robusthash.options import parse_assignments
from robusthash.paths import require_file

if TYPE_CHECKING:
    from robusthash.contracts import Dataset, DatasetContext, Finding
    from robusthash.progress import Report

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("name"),
    click.option("--data-root", type=PATH, metavar="DIR", help="Folder with the dataset's files."),
    click.option(
        "-o", "--option", "assignments", multiple=True, metavar="NAME.FIELD=VALUE", help="Set an option of the dataset."
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
    from rich.markup import escape
    from rich.table import Table

    everything = load_host(context).all(PluginKind.DATASET)
    if as_json:
        click.echo(json.dumps([_summary(registered) for registered in everything], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("dataset", "from", "what", "paper"):
        table.add_column(column, overflow="fold", no_wrap=column == "dataset")
    for registered in everything:
        spec = registered.spec
        table.add_row(*map(escape, (spec.name, str(registered.owner), spec.summary, spec.paper or "")))
    out().print(table)


@command.command("verify")
@_dataset_options
@json_option
@click.pass_context
def verify(
    context: click.Context,
    *,
    name: str,
    data_root: Path | None,
    assignments: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Check a dataset for faults that make results wrong. The exit code is 2 if there is an error.

    \b
    robusthash data verify digits
    robusthash data verify flickr25k --data-root /data
    """
    registered, dataset = _dataset(load_host(context), name, assignments)
    with progress(quiet=quiet) as report:
        findings = dataset.verify(_place(data_root, report))
    findings = sorted(findings, key=lambda finding: finding.level != "error")  # errors first, else as found
    levels = Counter(finding.level for finding in findings)
    if as_json:
        counts = {"errors": levels["error"], "warnings": levels["warning"]}
        content = {"dataset": registered.spec.name, "owner": str(registered.owner), **counts}
        click.echo(json.dumps(content | {"findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
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
    with progress(quiet=quiet) as report:
        place = _place(data_root, report)
        left = dataset.prepare(place, source)
    line(f"{name}: {left}" if left else f"{name} is ready in {place.root or place.cache}")


def _dataset(host: PluginHost, name: str, assignments: tuple[str, ...]) -> "tuple[Registered, Dataset]":
    from robusthash.contracts import Dataset

    registered = host.find(PluginKind.DATASET, name)
    options = parse_assignments(assignments)
    for owner in options:
        if owner != name:
            raise OptionError(
                f"an option of {owner!r}, but the dataset is {name!r}", hint=f"write -o {name}.field=value"
            )
    dataset = host.create(registered, options.get(name, {}))
    if not isinstance(dataset, Dataset):
        raise ContractError(
            f"dataset {name!r} of {registered.owner} is a {type(dataset).__name__}, not a Dataset",
            hint="report it to the plugin's author",
        )
    return registered, dataset


def _place(root: Path | None, report: "Report") -> "DatasetContext":
    from robusthash.caching import cache_folder
    from robusthash.contracts import DatasetContext

    return DatasetContext(root=root, cache=cache_folder(), progress=report)


def _summary(registered: Registered) -> dict[str, Any]:
    spec = registered.spec
    return {
        "name": spec.name,
        "distribution": registered.owner.distribution,
        "version": registered.owner.version,
        "summary": spec.summary,
        "paper": spec.paper,
    }


def _show(name: str, findings: "list[Finding]") -> None:
    for finding in findings:
        line(f"{finding.level}: {finding.where}: {finding.what}")
    if not findings:
        line(f"{name}: no problems found")
