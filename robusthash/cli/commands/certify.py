"""``robusthash certify``: bound a smoothed model's retrieval under any perturbation."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.common import json_option, load_host, out, progress, quiet_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.names import DEFENSE, DIRECTION, VOTE
from robusthash.cli.input.numbers import COUNT, LENGTH, PROBABILITY
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.setting import make_setting, setting_options
from robusthash.cli.input.victim import bits_option, model_option
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.lines import line
from robusthash.specs import Direction, Vote

if TYPE_CHECKING:
    from robusthash.evaluation import Certificate
    from robusthash.results.rendering.sheet import Sheet


@click.command("certify")
@model_option
@bits_option
@click.option(
    "--defense", type=DEFENSE, default="smoothed", show_default=True, metavar="NAME", help="Defense that smooths it."
)
@click.option(
    "--direction",
    type=DIRECTION,
    metavar="i2i|i2t|t2i|t2t",
    help="What searches for what; by default the model's own.",
)
@click.option(
    "--radius",
    "radii",
    type=LENGTH,
    multiple=True,
    metavar="R",
    help="L2 radius, in [0, 1] pixels; by default eleven up to the largest one that can be certified. Repeatable.",
)
@click.option("--copies", type=COUNT, default=1000, show_default=True, metavar="N", help="Noisy copies of each query.")
@click.option(
    "--of",
    type=VOTE,
    default="deployed",
    show_default=True,
    metavar="deployed|ideal",
    help="Certify the vote of as many copies as the model takes in a pass, or the one over all the noise there is.",
)
@click.option(
    "--confidence",
    type=PROBABILITY,
    default=0.999,
    show_default=True,
    metavar="P",
    help="Probability, for each query, that all its bounds hold.",
)
@click.option(
    "--results",
    type=PATH,
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="Folder of stored attacks on this model to compare with.",
)
@click.option("--output", type=PATH, metavar="FILE", help="Also write the certificate of each query, as JSON.")
@click.option(
    "--plot",
    type=PATH,
    metavar="FILE",
    help="Also draw it, with the attacks: .svg, .png or .pdf. Needs robusthash[plot].",
)
@config_option()
@setting_options
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    model: str,
    bits: int,
    defense: str,
    direction: str | None,
    radii: tuple[float, ...],
    copies: int,
    of: str,
    confidence: float,
    results: Path,
    output: Path | None,
    plot: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Bound from below what retrieval a smoothed model keeps, whatever moves its queries within an L2 radius.

    The model votes over Gaussian noise on each query; bits that the votes decide hold within a radius of their own, and
    the bound is the average precision that is left if every other bit is chosen against each item. What an attack meets
    is a vote of a few copies, which can be wrong: it is certified with its errors, unless --of ideal. Stored L2 attacks
    on the same model are shown beside it, and queries below their own bound are told.

    \b
    robusthash certify --model dpsh --queries 100
    robusthash certify --model dpsh --defense smoothed-trained -o smoothed-trained.sigma=0.5 --copies 10000
    robusthash eval --model dpsh --defense smoothed-trained --attack rnm --epsilon l2:0.25 --queries 100
    """
    setting = make_setting(**values)
    from robusthash.evaluation import Request
    from robusthash.evaluation.planning.choices import parse_choice
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.files.storage import require_apart, require_writable_file

    request = Request(
        models=(model,),
        attacks=(),
        bits=(bits,),
        defenses=(defense,),
        directions=() if direction is None else (parse_choice(Direction, "direction", direction),),
        setting=setting,
    )
    host = load_host(context)
    request = settled(request, host)
    check_early(request, host)
    require_apart({"--output": output, "--plot": plot})
    if output is not None:
        require_writable_file(output, "--output")
    if plot is not None:
        from robusthash.results.figures.canvas import require_plot

        require_plot(plot)
        require_writable_file(plot, "--plot")
    from robusthash.evaluation import certify

    tell_device(setting.device, quiet=quiet)
    stored = results if results.is_dir() else None
    with progress(quiet=quiet) as report:
        found = certify(
            request,
            host,
            radii=sorted(set(radii)),
            samples=copies,
            confidence=confidence,
            of=parse_choice(Vote, "vote", of),
            results=stored,
            progress=report,
        )
    if output is not None:
        found.write(output)
        line(f"certificate: {output}", err=True)
    if plot is not None:
        from robusthash.evaluation.certifying.picture import save_picture

        save_picture(found, plot)
        line(f"plot: {plot}", err=True)
    if as_json:
        click.echo(found.to_json(), nl=False)
        return
    out().print(sheet(found))


def sheet(found: "Certificate") -> "Sheet":
    """A certificate as a table, with the stored attacks and with what is wrong in notes.

    Args:
        found: the certificate.
    """
    from robusthash.results.rendering.sheet import Column, Emphasis, Line, Note, Sheet, Table

    rows = [("clean", "", found.clean, None), *(("any", radius, None, bound) for radius, bound in found.bounds.items())]
    rows += [(one.attack, one.radius, one.value, one.bound) for one in found.compared]
    lines = tuple(
        Line(
            cells=(name, f"{radius:g}" if radius != "" else "", *(_number(value) for value in (measured, bound))),
            emphasis=Emphasis.CLEAN if name == "clean" else Emphasis.NONE,
        )
        for name, radius, measured, bound in rows
    )
    columns = (
        Column(name="attack", words=True),
        Column(name="L2 radius"),
        Column(name="map measured"),
        Column(name="map at least"),
    )
    notes = [
        Note(text=f"{found.abstained:.1%} of the bits are not certain even of the queries themselves; always open"),
        Note(text=f"with every bit open: {found.floor:.3f}"),
        Note(text=f"{found.passes} passes, {found.seconds:.0f} s; each query's bounds hold at {found.confidence:g}"),
        *(Note(text=text) for text in _left_out(found)),
        *(Note(text=text, warning=warning) for text, warning in _broken(found)),
    ]
    return Sheet(
        title=f"{found.model['name']}, {found.model['size']} bit, {found.defense['name']} with sigma {found.sigma:g}",
        lead=f"{found.dataset['name']}, {found.queries} queries, {found.samples} noisy copies of each; certified is "
        f"{found.what}",
        tables=(Table(columns=columns, lines=lines),),
        notes=tuple(notes),
    )


def _left_out(found: "Certificate") -> Iterator[str]:
    if found.lost:
        yield f"{found.lost} of {found.queries} queries score 0 in every ranking: no item is relevant to them"
    if found.unreadable:
        yield f"not compared, since they cannot be read: {found.unreadable}; robusthash leaderboard names such files"
    if found.elsewhere:
        yield f"not compared, since another device or version of torch hashed their database: {found.elsewhere}"


def _broken(found: "Certificate") -> Iterator[tuple[str, bool]]:
    """What is wrong in single evaluations, and the sum of all."""
    of = f"of {found.queries} queries"
    if found.of is Vote.IDEAL:
        allowed = f"which holds for {found.what}; these are votes of {found.votes} copies"
    else:
        allowed = f"where {found.allowed:.2g} may be on average"
    for one in found.compared:
        where = f"{one.attack} at {one.radius:g}"
        if one.below:
            yield f"{where}: {one.below} {of} are below their own bound, {allowed}", True
        if one.wrong:
            yield f"{where}: {one.wrong} {of} have a wrong bit where it is certain, {allowed}", True
    count = len(found.compared)
    below, wrong = (sum(numbers) for numbers in zip(*((one.below, one.wrong) for one in found.compared), strict=True))
    total = (
        f"evaluations of {found.queries} queries: {count}; below their own bound: {below}; "
        f"with a wrong bit where it is certain: {wrong}"
    )
    yield total if found.of is Vote.IDEAL else f"{total}, where {found.allowed * count:.2g} may be on average", False


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
