"""Records as the columns of a data frame."""

from collections.abc import Iterable

from robusthash.results.comparing.consistency import flagged
from robusthash.results.comparing.keys import attack_key, model_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.records.outcome import Spent
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against

_Value = str | int | float | bool | None

_IMAGERY = ("psnr", "ssim", "linf", "hamming")


def columns(records: Iterable[Record]) -> dict[str, list[_Value]]:
    """Values by column, one a record, in the records' order.

    Args:
        records: any; each is flagged beside all the others.
    """
    everything = flagged(records)
    names = Names.of(everything)
    told = [_told(record, names) for record in everything]
    return {name: [one[name] for one in told] for name in (told[0] if told else ())}


def _told(record: Record, names: Names) -> dict[str, _Value]:
    dataset, victim, attack, scoring = record.dataset, record.victim, record.attack, record.scoring
    cost, learning = record.outcome.cost, record.outcome.cost.learning or Spent()
    return {
        "dataset": dataset.name,
        "queries": dataset.queries,
        "database": dataset.database,
        "victim": names.victim(victim_key(victim)),
        "model": victim.model.name,
        "size": victim.model.size,
        "distance": str(victim.model.distance),
        "defense": victim.defense.name if victim.defense else None,
        "direction": str(victim.direction),
        "attack": names.attack(attack_key(attack)),
        "goal": str(attack.goal),
        "access": str(record.access),
        "role": str(attack.role),
        "bounded": record.bounded,
        "surrogate": names.surrogate(model_key(attack.surrogate)) if attack.surrogate else None,
        "epsilon": attack.epsilon,
        "effort": attack.effort.value if attack.effort else None,
        "seed": record.conditions.seed,
        "metric": scoring.headline,
        "protocol": scoring.protocol,
        "relevance": scoring.relevance,
        **_measured(record, "clean", CLEAN, Against.OWN),
        **_measured(record, "attacked", ADVERSARIAL, Against.OWN),
        **_measured(record, "target", ADVERSARIAL, Against.TARGET),
        **{name: record.outcome.imagery.get(name) for name in _IMAGERY},
        "forward": cost.forward,
        "backward": cost.backward,
        "service_queries": cost.queries,
        "seconds": cost.seconds,
        "learning_forward": learning.forward,
        "learning_backward": learning.backward,
        "learning_seconds": learning.seconds,
        "flags": " ".join(flag.id for flag in record.outcome.flags),
        "created": record.created,
        "digest": record.digest,
    }


def _measured(record: Record, name: str, stage: str, against: Against) -> dict[str, _Value]:
    if against not in record.outcome.metrics[stage]:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    one = record.measure(stage, against=against)
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
