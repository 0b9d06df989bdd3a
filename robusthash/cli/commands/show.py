"""``robusthash show``: everything that one record holds. Needs neither torch nor numpy."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.common import json_option, out, results_option
from robusthash.errors import RobustHashError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from robusthash.results import Flag, ModelUse, PluginUse, Record

Lines = list[tuple[str, str]]


@click.command("show")
@click.argument("record", metavar="RECORD")
@results_option
@json_option
def command(*, record: str, results: Path, as_json: bool) -> None:
    """Show one stored result in full: what was run, on what, and what came out.

    RECORD is a record's file, or the first digits of its digest.

    \b
    robusthash show 3f9a2c
    robusthash show results/digits/dpsh-32bit/none/rnm-3f9a2c51d0e7.json --json
    """
    from robusthash.results import ResultStore
    from robusthash.results.comparing.consistency import inconsistencies

    store = ResultStore(results)
    found = store.locate(record)
    if as_json:
        click.echo(found.to_json(), nl=False)
        return
    path = Path(record)
    others = _siblings(path) if path.is_file() else store.load_all()[0]
    console = out()
    for part in _parts(found, found.outcome.flags + inconsistencies(others).get(found.digest, ())):
        console.print(part)


def _siblings(path: Path) -> "Iterator[Record]":
    """The records in a file's own folder, where the store keeps those of one victim; what is no record is let be."""
    from robusthash.results import read_record

    for one in sorted(path.parent.glob("*.json")):
        try:
            yield read_record(one)
        except RobustHashError:
            continue


def _parts(record: "Record", flags: "tuple[Flag, ...]") -> "Iterator[RenderableType]":
    from rich.text import Text

    for name, lines in _recipe(record):
        yield Text(name, style="bold")
        yield _grid(lines)
    yield Text("metrics", style="bold")
    yield _metrics(record)
    for name, lines in _outcome(record):
        yield Text(name, style="bold")
        yield _grid(lines)
    yield Text("soundness", style="bold")
    yield _flags(flags)


def _recipe(record: "Record") -> Iterator[tuple[str, Lines]]:
    """What was run."""
    from robusthash.epsilon import format_epsilon

    dataset = record.dataset
    yield "cell", [("digest", record.digest), ("created", record.created), ("headline", record.scoring.headline)]
    yield (
        f"dataset {dataset.name}",
        [
            *_use(dataset),
            ("digest", dataset.digest),
            ("queries", str(dataset.queries)),
            ("query digest", dataset.query_digest),
            ("database", f"{dataset.database} items"),
            ("relevance", record.scoring.relevance),
        ],
    )
    yield f"model {record.victim.model.name}", _model(record.victim.model)
    if record.victim.defense:
        yield f"defense {record.victim.defense.name}", _use(record.victim.defense)
    else:
        yield "defense", [("", "none")]
    yield (
        f"attack {record.attack.name}",
        [
            ("goal", record.attack.goal),
            ("access", record.access),
            ("threat", f"Linf {format_epsilon(record.attack.epsilon)} ({record.attack.epsilon!r})"),
            *_use(record.attack),
        ],
    )
    if record.attack.surrogate:
        yield f"surrogate {record.attack.surrogate.name}", _model(record.attack.surrogate)
    yield f"retriever {record.scoring.retriever.name}", _use(record.scoring.retriever)
    yield (
        "run",
        [
            ("seed", str(record.conditions.seed)),
            ("shard size", str(record.conditions.shard_size)),
            ("precision", record.attack.precision + (", compiled" if record.attack.compiled else "")),
            *record.conditions.environment.items(),
        ],
    )
    yield "versions", list(record.conditions.versions.items())
    yield "protocols", list(record.scoring.protocols.items())


def _outcome(record: "Record") -> Iterator[tuple[str, Lines]]:
    """What came out, beside the metrics."""
    from robusthash.results.records.stages import in_order

    cost, queries = record.outcome.cost, max(1, record.dataset.queries)
    yield "floors", [(name, f"{value:.3f}") for name, value in _floors(record)]
    yield "imagery", [(name, f"{value:.5g}") for name, value in record.outcome.imagery.items()]
    yield "search", [(stage, _numbers(record.outcome.search[stage])) for stage in in_order(record.outcome.search)]
    yield "probe of the victim", [(name, f"{value:.3f}") for name, value in record.outcome.probe.items()]
    yield (
        "cost",
        [
            ("forward", f"{cost.forward} passes of one image"),
            ("backward", f"{cost.backward} passes of one image"),
            *([("queries", f"{cost.queries} images, {cost.queries / queries:.1f} an image")] if cost.queries else []),
            ("time", f"{cost.seconds:.3g} s, {1000 * cost.seconds / queries:.3g} ms an image"),
        ],
    )


def _model(model: "ModelUse") -> Lines:
    return [*_use(model), ("size", model.label), ("backbone", model.backbone), ("weights digest", model.digest)]


def _use(use: "PluginUse") -> Lines:
    return [("from", use.owner), *((f"option {name}", _plain(value)) for name, value in use.options.items())]


def _floors(record: "Record") -> Iterator[tuple[str, float]]:
    for against, floors in record.outcome.floors.items():
        yield from ((against.qualify(name), value) for name, value in floors.items())


def _numbers(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_plain(one)}" for name, one in value.items()) or "{}"
    return str(value)


def _grid(lines: Lines) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", min_width=16)
    grid.add_column(overflow="fold")
    for name, value in lines or [("", "none")]:
        grid.add_row(Text(f"  {name}"), Text(value))
    return grid


def _metrics(record: "Record") -> "RenderableType":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from robusthash.results.records.stages import in_order

    table = Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for name in ("queries", "metric"):
        table.add_column(name)
    for name in ("value", "95 % interval", "worst to best tie order"):
        table.add_column(name, justify="right")
    for stage in in_order(record.outcome.metrics):
        for against, measures in record.outcome.metrics[stage].items():
            for name, one in measures.items():
                table.add_row(
                    stage,
                    against.qualify(name),
                    f"{one.value:.4f}",
                    f"{one.low:.4f} to {one.high:.4f}",
                    f"{one.worst:.4f} to {one.best:.4f}",
                )
    return table


def _flags(flags: "tuple[Flag, ...]") -> "RenderableType":
    from rich.text import Text

    if not flags:
        return Text("  no check failed", style="green")
    return Text("\n".join(f"  {flag.id} {flag.message}" for flag in flags), style="yellow")
