"""``robusthash eval``: train or load models, attack them, search, and show the leaderboard."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.common import (
    fitted_option,
    json_option,
    load_host,
    metric_option,
    out,
    progress,
    quiet_option,
    results_option,
    retriever_option,
    score_by_option,
)
from robusthash.cli.config.option import config_option, merge_assignments
from robusthash.cli.gates.fail_under import check_rules, gate_of
from robusthash.cli.gates.gating import allow_option, rule_option, show_verdict
from robusthash.cli.input.names import ATTACK, DEFENSE, DIRECTION, EXECUTOR, MODEL, PRECISION, RELEVANCE, SWEPT
from robusthash.cli.input.numbers import BITS, COUNT, PICTURES, QUALITY, RADIUS, WORKERS
from robusthash.cli.input.setting import make_setting, setting_options
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.following import results_arguments, tell_next
from robusthash.cli.output.lines import line
from robusthash.cli.splitting import command_text, part_of, tell_part
from robusthash.epsilon import parse_edits, parse_radius
from robusthash.host import PluginKind
from robusthash.options import parse_assignments
from robusthash.specs import Direction, Precision, Relevance, ScoreBy

if TYPE_CHECKING:
    from robusthash.evaluation import Failure, Request, RunOutcome


@click.command("eval")
@click.option(
    "--model",
    "models",
    type=MODEL,
    multiple=True,
    metavar="NAME",
    help="Hash model, a checkpoint, or path/to/file.py:build. Repeatable.",
)
@click.option(
    "--attack",
    "attacks",
    type=ATTACK,
    multiple=True,
    metavar="NAME",
    help="Attack; without one, the attack that models are ranked by. Repeatable.",
)
@fitted_option
@click.option(
    "--surrogate",
    "surrogates",
    type=MODEL,
    multiple=True,
    metavar="NAME",
    help="Model, given as for --model, that attacks are crafted on and transferred from. Repeatable.",
)
@click.option(
    "--bits", multiple=True, type=BITS, default=(32,), show_default=True, metavar="K", help="Code length. Repeatable."
)
@click.option(
    "--defense",
    "defenses",
    type=DEFENSE,
    multiple=True,
    default=("none",),
    show_default=True,
    metavar="NAME",
    help="Defense of the models. Repeatable.",
)
@click.option(
    "--direction",
    "directions",
    type=DIRECTION,
    multiple=True,
    metavar="i2i|i2t|t2i|t2t",
    help="Modality of the queries, and of what they search, where a dataset has images and texts. Repeatable.",
)
@click.option(
    "--epsilon",
    "epsilons",
    multiple=True,
    type=RADIUS,
    metavar="8/255|l2:0.5",
    help="Radius in L-infinity or L2; by default that of the dataset. Repeatable.",
)
@click.option(
    "--edits",
    multiple=True,
    type=RADIUS,
    metavar="[tags:|words:|characters:]N",
    help="Most edits of a text: tags added, dropped or swapped, words:3 replaced, characters:2 mistyped. Repeatable.",
)
@click.option(
    "--vary",
    type=SWEPT,
    multiple=True,
    callback=merge_assignments,
    metavar="ATTACK.FIELD=V1,V2",
    help="Sweep over an option of an attack: --vary rnm.steps=10,100. Repeatable.",
)
@config_option("--suite")
@setting_options
@retriever_option
@score_by_option
@metric_option
@click.option(
    "--relevance",
    type=RELEVANCE,
    default="share-any",
    show_default=True,
    metavar="share-any|exact|contains-target",
    help="When an item is relevant to a query.",
)
@click.option(
    "--jpeg",
    "qualities",
    multiple=True,
    type=QUALITY,
    metavar="QUALITY",
    help="Also score the queries after JPEG compression of this quality. Repeatable.",
)
@click.option(
    "--precision",
    type=PRECISION,
    default="float32",
    show_default=True,
    metavar="float32|bf16",
    help="Precision of the attacks' passes.",
)
@click.option("--compile", "compiled", is_flag=True, help="Compile the surrogate with torch.compile.")
@click.option("--shard-size", type=COUNT, metavar="N", help="Queries per batch, which fixes the compute shape.")
@click.option("--workers", type=WORKERS, default=1, show_default=True, metavar="N", help="Number of processes.")
@click.option(
    "--executor", type=EXECUTOR, metavar="NAME", help="Where shards are run; --workers N is processes of this machine."
)
@click.option(
    "--shard",
    metavar="i/n",
    help="Evaluate the i-th of n parts of the shards, from 1, for robusthash merge: one for each machine.",
)
@results_option
@click.option(
    "--keep-pictures",
    type=PICTURES,
    default=0,
    show_default=True,
    metavar="N",
    help="Keep pictures of the N queries of each cell on which the attack achieved most.",
)
@click.option("--force", is_flag=True, help="Evaluate stored cells again.")
@rule_option
@allow_option
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    workers: int,
    executor: str | None,
    shard: str | None,
    results: Path,
    keep_pictures: int,
    force: bool,
    rules: tuple[str, ...],
    allow: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Evaluate hash models under attack, and show the leaderboard.

    \b
    robusthash eval --model dpsh --attack rnm
    robusthash eval --model dpsh --model hashnet --attack rnm --attack hag --bits 16 --bits 32
    robusthash eval --model dpsh --model hashnet --surrogate dpsh --surrogate hashnet --attack hinge
    robusthash eval --model dpsh --attack rnm --vary rnm.steps=10,100,1000
    robusthash eval --model dpsh --fitted prosgan.safetensors
    robusthash eval --config suite.toml
    robusthash eval --config suite.toml --shard 2/4 --results part-2
    robusthash eval --model dpsh --retriever faiss-hnsw --score-by retriever
    robusthash eval --model dpsh --fail-under 'map[attack=strongest] >= 0.30'

    With --fail-under, a plugin that cannot be loaded is an error, and the exit code is 3 if a rule is not kept.
    """
    gate = gate_of(rules, allow)
    part = part_of(shard, judged=bool(gate.rules), force=force, pictures=keep_pictures)
    request = request_of(values)
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.files.storage import require_writable

    host = load_host(context, strict=bool(gate.rules))
    request = settled(request, host)
    if executor is not None:
        host.find(PluginKind.EXECUTOR, executor)
    check_early(request, host)
    check_rules(gate, request, host)
    require_writable(results, "--results")
    from robusthash.evaluation import choose_executor, evaluate, evaluate_part

    place = choose_executor(host, executor, workers=workers, options=request.setting.options)
    tell_device(request.setting.device, quiet=quiet)
    merged = None
    with progress(quiet=quiet) as report:
        if part is None:
            outcome = evaluate(
                request,
                host,
                results=results,
                progress=report,
                executor=place,
                force=force,
                keep_pictures=keep_pictures,
            )
        else:
            outcome, merged = evaluate_part(
                request, host, part, results=results, progress=report, executor=place, command=command_text(str(shard))
            )
    if as_json:
        click.echo(json.dumps([json.loads(record.to_json()) for record in outcome.records], indent=2))
    else:
        _show(outcome, results)
        if part is not None and merged is not None:
            tell_part(part, merged, results)
    _tell_failures(outcome)
    if outcome.failures:
        if gate.rules:
            click.echo("gate not judged: it would lack the cells that failed", err=True)
        context.exit(max(failure.error.exit_code for failure in outcome.failures))
    if gate.rules:
        from robusthash.results.gate import judge, stored_material

        verdict = judge(stored_material(outcome.records, results), gate)
        context.exit(show_verdict(verdict, as_json=False, aside=as_json))


def request_of(values: dict[str, Any]) -> "Request":
    """The grid that the options define.

    Args:
        values: of the options by parameter; those of the grid and of its setting, and no others.
    """
    from robusthash.evaluation import Request, parse_choice
    from robusthash.evaluation.planning.fitted import read_fitted, with_fitted

    grid = {name: values.pop(name) for name in ("models", "attacks", "surrogates", "bits", "defenses")}
    edits = tuple(map(parse_edits, values.pop("edits")))
    grid["vary"] = _sweeps(values.pop("vary"))
    values["precision"] = parse_choice(Precision, "precision", values["precision"])
    values["score_by"] = parse_choice(ScoreBy, "score-by", values["score_by"])
    values["relevance"] = parse_choice(Relevance, "relevance", values["relevance"])
    grid["directions"] = tuple(parse_choice(Direction, "direction", one) for one in values.pop("directions"))
    grid["attacks"] = with_fitted(grid["attacks"] or None, read_fitted(values.pop("fitted")))
    if values["checkpoint"] is not None and not grid["models"]:
        from robusthash.checkpoints import read_description

        description = read_description(values["checkpoint"])
        grid |= {"models": (description.model.name,), "bits": (description.bits,)}
    epsilons = tuple(parse_radius(epsilon) for epsilon in values.pop("epsilons"))
    return Request(**grid, epsilons=epsilons, edits=edits, setting=make_setting(**values))


def _sweeps(assignments: tuple[str, ...]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The values that ``--vary`` gives, by attack and option."""
    return {
        owner: {name: tuple(str(values).split(",")) for name, values in fields.items()}
        for owner, fields in parse_assignments(assignments).items()
    }


def _show(outcome: "RunOutcome", results: Path) -> None:
    from robusthash.results import ResultStore, build_leaderboard, render
    from robusthash.results.rendering.terminal import labelled

    if not outcome.records:
        return
    console = out()
    console.print(render(build_leaderboard(outcome.records)))
    store = ResultStore(results)
    for name, origin in outcome.victims.items():
        console.print(labelled(name, origin), soft_wrap=True)
    for record in outcome.records:
        state = "stored before" if record.digest in outcome.reused else "new"
        console.print(labelled(f"record ({state})", str(store.path_of(record))), soft_wrap=True)
    tell_next("show", outcome.records[-1].digest[:12], *results_arguments(results))


def _tell_failures(outcome: "RunOutcome") -> None:
    """Names what failed; a model that could not be made once, however many cells needed it."""
    for first, *others in _by_error(outcome):
        lost = f" ({len(others) + 1} cells were not evaluated)" if others else ""
        line(f"error: {first.whose}: {first.error.message}{lost}", err=True)
        if first.error.hint:
            line(f"hint: {first.error.hint}", err=True)


def _by_error(outcome: "RunOutcome") -> list[list["Failure"]]:
    """Failures with the same cause together."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in outcome.failures:
        groups.setdefault((failure.whose, failure.error.message), []).append(failure)
    return list(groups.values())
