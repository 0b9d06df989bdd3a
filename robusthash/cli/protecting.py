"""``robusthash attack --input``: photographs of the user's own, and the tables of what became of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.common import load_host, out, progress
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.lines import line

if TYPE_CHECKING:
    from robusthash.epsilon import Radius
    from robusthash.evaluation import RunSettings
    from robusthash.evaluation.planning.names import AnyAttack
    from robusthash.evaluation.tasks.protect import Delivery
    from robusthash.results.rendering.sheet import Sheet, Table
    from robusthash.specs import Norm


def protect(
    context: click.Context,
    folder: Path,
    output: Path,
    models: Sequence[str],
    attack: "AnyAttack | None",
    setting: "RunSettings",
    *,
    bits: int,
    defense: str,
    epsilon: "Radius | Norm | None",
    masked: bool,
    keep_location: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Changes the photographs of a folder, and reports what they retrieve afterwards.

    Args:
        context: of the command.
        folder: of the photographs.
        output: where they are delivered.
        models: that are attacked together; if empty, the default one.
        attack: the attack; None is the default one.
        setting: dataset, size and the rest.
        bits: code length of models that have none of their own.
        defense: of the models.
        epsilon: radius; None is the default one.
        masked: whether flat parts of a photograph are changed less.
        keep_location: whether photographs keep where they were taken.
        as_json: print the manifest.
        quiet: no progress.
    """
    from robusthash.evaluation.planning.early import check_early
    from robusthash.evaluation.planning.photographs import find_photographs, photograph_request
    from robusthash.files.storage import require_writable

    host = load_host(context)
    request = photograph_request(models, attack, setting, bits=bits, defense=defense, epsilon=epsilon)
    check_early(request, host)
    require_writable(output, "--output")
    found = find_photographs(folder, output)
    for left_out in found.skipped:
        line(f"skipped: {left_out.reason}", err=True)
    tell_device(setting.device, quiet=quiet)
    from robusthash.evaluation.protecting.crafting import Protection
    from robusthash.evaluation.tasks.protect import protect_photographs

    with progress(quiet=quiet) as report:
        delivery = protect_photographs(
            request,
            found,
            host,
            output=output,
            options=Protection(masked=masked),
            keep_location=keep_location,
            progress=report,
        )
    for left_out in delivery.skipped[len(found.skipped) :]:
        line(f"skipped: {left_out.reason}", err=True)
    if as_json:
        click.echo(json.dumps(delivery.plain(), indent=2))
        return
    for one in delivery.photographs:
        for note in one.notes:
            line(f"{one.file}: {note}", err=True)
    out().print(sheet(delivery, output))


def sheet(delivery: "Delivery", output: Path) -> "Sheet":
    """The tables of delivered photographs: each by itself, then what services do to all of them.

    Args:
        delivery: the photographs.
        output: their folder.
    """
    from robusthash.results.rendering.sheet import Note, Sheet

    count, attack = len(delivery.photographs), delivery.attack.name
    notes = [
        "shows, now: the most frequent label of the nearest items, before and after; moved: distance between the codes",
        "kept: how many still retrieve what they show, after what services do to photographs",
    ]
    if any(one.shows(model) is None for one in delivery.photographs for model in one.judged):
        notes.append("without labels, kept is the share of the ten nearest items that they still retrieve")
    return Sheet(
        title=f"{count} photograph{'s' if count > 1 else ''} and manifest.json in {output}",
        lead=f"{attack}, {delivery.recipe['radius']}",
        tables=(_each(delivery), _together(delivery)),
        notes=tuple(Note(text=text) for text in notes),
    )


def _each(delivery: "Delivery") -> "Table":
    from robusthash.evaluation.protecting.outcome import AS_WRITTEN
    from robusthash.results.rendering.sheet import Column, Line, Table

    columns = (
        Column(name="photograph", words=True, grouped=True),
        Column(name="model", words=True, omitted=2),
        Column(name="shows", words=True),
        Column(name="now", words=True),
        Column(name="moved"),
        Column(name="nearest kept", omitted=0),
        Column(name="PSNR", omitted=1),
    )
    lines = []
    for one in delivery.photographs:
        for model, judged in one.judged.items():
            seen = judged[AS_WRITTEN].protected
            cells = (
                *(one.file, model, one.shows(model) or "", seen.found or ""),
                *(f"{seen.moved:g}", f"{seen.retained:.0%}", f"{one.psnr:.1f}"),
            )
            lines.append(Line(cells=cells))
    return Table(columns=columns, lines=tuple(lines))


def _together(delivery: "Delivery") -> "Table":
    from robusthash.evaluation.protecting.outcome import Summary, summarised
    from robusthash.results.rendering.sheet import Column, Line, Table

    columns = (
        Column(name="model", words=True, grouped=True),
        Column(name="after", words=True),
        Column(name="clean kept"),
        Column(name="kept"),
        Column(name="clean moved", omitted=0),
        Column(name="moved"),
    )

    def kept(one: Summary, labelled: int, retained: float) -> str:
        return f"{labelled} of {one.labelled}" if one.labelled else f"{retained:.0%}"

    lines = [
        Line(
            cells=(
                *(model, change),
                kept(one, one.clean_kept, one.clean_retained),
                kept(one, one.protected_kept, one.protected_retained),
                *(f"{one.clean_moved:.1f}", f"{one.protected_moved:.1f}"),
            )
        )
        for model in delivery.photographs[0].judged
        for change, one in summarised(delivery.photographs, model).items()
    ]
    return Table(columns=columns, lines=tuple(lines))
