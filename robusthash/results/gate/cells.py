"""The cells that a gate judges: one number of one victim in one setting, whether from a record or from a baseline."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from robusthash.errors import UnknownNameError, UsageError
from robusthash.results.gate.facts import INDEX, NONE, Facts, frozen, origin_facts, setting_facts, victim_facts
from robusthash.results.gate.rules import Rule
from robusthash.results.records.outcome import Flag, Measure
from robusthash.results.records.record import Record
from robusthash.results.records.stages import Against, is_clean
from robusthash.specs import Role

#: Checks that concern the number of the clean queries, too.
_OF_THE_VICTIM = frozenset({"RH008", "RH014", "RH015", "RH019"})

_FLOORED = "map"  #: the metric whose floors a record has


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number.

    Attributes:
        setting: what it was measured with: everything that has to be equal for two numbers to be comparable.
        victim: what it was measured on, without weights and versions: what may change from release to release.
        origin: what does not tell cells apart: digests, versions, date.
        measure: the mean over the queries.
        values: the value of each query, when it is called; raises InputError where they cannot be read.
        flags: failed soundness checks that concern this number.
        reference: whether the attack is a reference, such as noise.
        worst: the lowest value that is possible, if it is known.
    """

    setting: Facts
    victim: Facts
    origin: Facts
    measure: Measure
    values: Callable[[], Sequence[float]] = field(compare=False)
    flags: tuple[Flag, ...] = ()
    reference: bool = False
    worst: float = 0.0

    @property
    def facts(self) -> Facts:
        """What filters are applied to."""
        return _filtered(self.setting, self.victim, self.origin)

    @property
    def queries(self) -> int:
        """Number of queries."""
        return int(self.setting["queries"])

    def __str__(self) -> str:
        """``digits, dpsh 32 bit + cgat, strongest at 8/255: map``."""
        return f"{self.setting['dataset']}, {self.victim_name}, {self.attack_name}: {self.metric_name}"

    @property
    def victim_name(self) -> str:
        """``dpsh 32 bit + cgat``."""
        name = f"{self.victim['model']} {self.victim['size']}"
        name = name if self.victim["defense"] == NONE else f"{name} + {self.victim['defense']}"
        return f"{name} in {self.victim[INDEX]}" if INDEX in self.victim else name

    @property
    def attack_name(self) -> str:
        """``strongest at 8/255``, or ``clean queries``."""
        if "attack" not in self.setting:
            return "clean queries"
        crafted = self.setting["surrogate"]
        surrogate = "" if crafted == NONE else f" from {crafted}"
        setting = self.setting
        radius = (
            f"{setting['norm']} {setting['edits'].rpartition(':')[2]}" if "edits" in setting else setting["epsilon"]
        )
        return f"{setting['attack']} at {radius}{surrogate}"

    @property
    def metric_name(self) -> str:
        """``map``, or ``map after jpeg-75``."""
        usual = self.setting["stage"] in ("clean", "adversarial")
        return self.setting["metric"] if usual else f"{self.setting['metric']} at {self.setting['stage']}"


#: Reads the per-query values of a record: its name on disk is the second argument.
ReadValues = Callable[[Record, str], Sequence[float]]


class Described:
    """A record with the facts that its cells have in common, which are made once for all rules.

    Args:
        record: any.
        read: reads per-query values.
    """

    def __init__(self, record: Record, read: ReadValues) -> None:
        self.record, self._read = record, read
        self.reference = record.attack.role is Role.REFERENCE
        self._victim, self._origin = victim_facts(record), origin_facts(record)
        self._settings = {stage: setting_facts(record, stage) for stage in record.outcome.metrics}

    def concerns(self, rule: Rule) -> bool:
        """Whether a rule is about such attacks: about references only if it names attacks, or no attack at all."""
        if self.reference and "attack" not in rule.filters and not is_clean(rule.stage):
            return False
        return rule.against is Against.OWN or self.record.attack.against is Against.TARGET

    def facts(self) -> Iterator[Facts]:
        """What filters are applied to, for each stage."""
        return (_filtered(setting, self._victim, self._origin) for setting in self._settings.values())

    def stages(self, rule: Rule) -> Iterator[str]:
        """The stages that a rule names; none if it names another record."""
        for stage, facts in zip(self._settings, self.facts(), strict=True):
            if rule.selects(facts):
                yield stage

    def has(self, rule: Rule, stage: str) -> bool:
        """Whether the rule's metric was measured at a stage."""
        return rule.metric in self.record.outcome.metrics[stage].get(rule.against, {})

    def key(self, stage: str) -> Hashable:
        """What tells the cells of a stage apart, whatever their metric."""
        return frozen(self._settings[stage]), frozen(self._victim)

    def cell(self, rule: Rule, stage: str) -> Cell:
        """The cell of a rule's metric at a stage."""
        record = self.record
        protocol = record.scoring.protocols[rule.metric]
        return Cell(
            setting={**self._settings[stage], "metric": rule.qualified, "protocol": protocol},
            victim=self._victim,
            origin=self._origin,
            measure=record.outcome.metrics[stage][rule.against][rule.metric],
            values=partial(self._read, record, f"{stage}/{rule.qualified}"),
            flags=tuple(flag for flag in record.outcome.flags if not is_clean(stage) or flag.id in _OF_THE_VICTIM),
            reference=self.reference,
            worst=record.outcome.floors.get(rule.against, {}).get("worst", 0.0) if rule.metric == _FLOORED else 0.0,
        )


def cells_of(records: Iterable[Described], rule: Rule) -> list[Cell]:
    """The cells that a rule names. References such as noise are left out, unless it names attacks.

    Args:
        records: any.
        rule: the rule.

    Raises:
        UnknownNameError: the rule names a cell, and no record has the metric of it.
    """
    named = [(one, stage) for one in records if one.concerns(rule) for stage in one.stages(rule)]
    having = {one.key(stage) for one, stage in named if one.has(rule, stage)}
    for one, stage in named:
        if one.key(stage) not in having:
            raise UnknownNameError(
                "metric", rule.metric, one.record.scoring.protocols, where=f"{rule.where}: {rule.text}"
            )
    return [one.cell(rule, stage) for one, stage in named if one.has(rule, stage)]


def choose(cells: Iterable[Cell], *, newest: bool) -> list[Cell]:
    """One cell of each kind: the newest, where a model was evaluated more than once.

    Args:
        cells: those that a rule names.
        newest: take the newest, too, where they are of several models.

    Raises:
        UsageError: several models have the same name, and ``newest`` is not set.
    """
    groups: dict[Hashable, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[frozen(cell.setting), frozen(cell.victim)].append(cell)
    return [_chosen(group, newest=newest) for group in groups.values()]


def _chosen(group: list[Cell], *, newest: bool) -> Cell:
    weights = sorted({cell.origin["weights"] for cell in group})
    if len(weights) > 1 and not newest:
        shown = ", ".join(one[:12] for one in weights)
        raise UsageError(
            f"{len(weights)} models answer to {group[0]}; their weights are {shown}",
            hint="name one with [weights=...], take the newest with --newest, or keep one folder per release",
        )
    return max(group, key=lambda cell: (cell.origin["created"], cell.origin["record"]))


def _filtered(setting: Facts, victim: Facts, origin: Facts) -> Facts:
    return {**setting, **victim, "bits": victim["size"].partition(" ")[0], "weights": origin["weights"]}
