"""A run in the words of a tracker: its name, and the numbers of a cell."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robusthash.events import RunInfo
    from robusthash.results import Record


def named_run(settings: "RunInfo") -> str:
    """A name for the run: what is attacked, and on which data."""
    return f"{'+'.join(settings.models)} on {settings.dataset}"


def _radius(record: "Record") -> str:
    attack = record.attack
    return f"{attack.epsilon:.4g}" if attack.norm == "linf" else str(attack.radius)


def finished_cell(record: "Record") -> dict[str, float]:
    """The numbers of a record, under a name that says which cell they are of.

    Each metric before and after the attack, what the images lost, and what the attack cost.
    """
    model, defense = record.victim.model, record.victim.defense
    victim = model.name if defense is None else f"{model.name} + {defense.name}"
    cell = f"{record.attack.name} on {victim}, {model.size} bit, {_radius(record)}"
    found: dict[str, float] = {}
    for stage in ("clean", "adversarial"):
        for name in record.scoring.protocols:
            found[f"{cell}/{name} {stage}"] = record.measure(stage, metric=name).value
    found |= {f"{cell}/{name}": value for name, value in record.outcome.imagery.items()}
    cost = record.outcome.cost
    return found | {
        f"{cell}/forward": float(cost.forward),
        f"{cell}/backward": float(cost.backward),
        f"{cell}/queries": float(cost.queries),
        f"{cell}/seconds": cost.seconds,
        f"{cell}/flags": float(len(record.outcome.flags)),
    }
