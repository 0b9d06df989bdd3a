"""Records as the columns of a data frame."""

from collections.abc import Callable, Iterable, Mapping

from robusthash.results.comparing.consistency import flagged
from robusthash.results.comparing.keys import attack_key, model_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.records.outcome import Spent
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against, after_jpeg

_Value = str | int | float | bool | None
_Column = Callable[[Record], _Value]


def columns(records: Iterable[Record]) -> dict[str, list[_Value]]:
    """Values by column, in the order of the records.

    Args:
        records: any; comparable or not.
    """
    everything = flagged(records)
    qualities = sorted({quality for record in everything for quality in record.scoring.qualities}, reverse=True)
    found = {**_columns(Names.of(everything)), **_compressed(qualities)}
    return {name: [value(record) for record in everything] for name, value in found.items()}


def _columns(names: Names) -> Mapping[str, _Column]:
    return {
        "dataset": lambda one: one.dataset.name,
        "queries": lambda one: one.dataset.queries,
        "database": lambda one: one.dataset.database,
        "victim": lambda one: names.victim(victim_key(one)),
        "model": lambda one: one.victim.model.name,
        "size": lambda one: one.victim.model.size,
        "distance": lambda one: str(one.victim.model.distance),
        "defense": lambda one: one.victim.defense.name if one.victim.defense else None,
        "direction": lambda one: str(one.victim.direction),
        "attack": lambda one: names.attack(attack_key(one.attack)),
        "goal": lambda one: str(one.attack.goal),
        "access": lambda one: str(one.access),
        "role": lambda one: str(one.attack.role),
        "bounded": lambda one: one.bounded,
        "surrogate": lambda one: names.surrogate(model_key(one.attack.surrogate)) if one.attack.surrogate else None,
        "norm": lambda one: str(one.attack.norm),
        "fitted": lambda one: one.attack.fitted.digest if one.attack.fitted else None,
        "epsilon": lambda one: one.attack.epsilon,
        "effort": lambda one: one.attack.effort.value if one.attack.effort else None,
        "seed": lambda one: one.conditions.seed,
        "metric": lambda one: one.scoring.headline,
        "protocol": lambda one: one.scoring.protocol,
        "retriever": lambda one: one.scoring.retriever.name,
        "score_by": lambda one: str(one.scoring.by),
        "relevance": lambda one: one.scoring.relevance,
        **_measured("clean", CLEAN, Against.OWN),
        **_measured("attacked", ADVERSARIAL, Against.OWN),
        **_measured("target", ADVERSARIAL, Against.TARGET),
        "psnr": lambda one: one.outcome.imagery.get("psnr"),
        "ssim": lambda one: one.outcome.imagery.get("ssim"),
        "linf": lambda one: one.outcome.imagery.get("linf"),
        "hamming": lambda one: one.outcome.imagery.get("hamming"),
        "forward": lambda one: one.outcome.cost.forward,
        "backward": lambda one: one.outcome.cost.backward,
        "service_queries": lambda one: one.outcome.cost.queries,
        "seconds": lambda one: one.outcome.cost.seconds,
        "learning_forward": lambda one: _learning(one).forward,
        "learning_backward": lambda one: _learning(one).backward,
        "learning_seconds": lambda one: _learning(one).seconds,
        "flags": lambda one: " ".join(flag.id for flag in one.outcome.flags),
        "created": lambda one: one.created,
        "digest": lambda one: one.digest,
    }


def _learning(record: Record) -> Spent:
    return record.outcome.cost.learning or Spent()


def _compressed(qualities: Iterable[int]) -> Mapping[str, _Column]:
    """The headline after JPEG compression, as the attack is judged and on the clean queries."""
    found: dict[str, _Column] = {}
    for quality in qualities:
        clean, attacked = after_jpeg(quality)
        found |= {**_measured(f"jpeg_{quality}", attacked, None), **_measured(f"clean_jpeg_{quality}", clean, None)}
    return found


def _measured(name: str, stage: str, against: Against | None) -> Mapping[str, _Column]:
    """The headline at a stage with its 95 % interval; None where it was not measured.

    Args:
        name: of the columns.
        stage: of the queries.
        against: the labels that decide relevance; None for those that the attack is judged by.
    """

    def part(field: str) -> _Column:
        def value(record: Record) -> _Value:
            labels = against or record.attack.against
            measured = labels in record.outcome.metrics.get(stage, {})
            found: float | None = getattr(record.measure(stage, against=labels), field) if measured else None
            return found

        return value

    return {name: part("value"), f"{name}_low": part("low"), f"{name}_high": part("high")}
