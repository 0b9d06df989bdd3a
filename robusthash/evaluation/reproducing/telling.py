"""Reproductions for people and for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from robusthash.evaluation.reproducing.outcome import Kept, Reproduction, Verdict
from robusthash.results.comparing.keys import attack_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.rendering.sheet import Column, Emphasis, Line, Table

_EMPHASIS = {Verdict.SAME: Emphasis.FAINT, Verdict.DIFFERENT: Emphasis.BEST}


def table(found: Sequence[Reproduction]) -> Table:
    """A line a record: what it is, how much of each kind is the same, and the verdict."""
    columns = (
        Column(name="record"),
        Column(name="victim", words=True),
        Column(name="attack", words=True),
        *(Column(name=kept, omitted=place) for kept, place in zip(Kept, (0, 1, None, 2, None), strict=True)),
        Column(name="verdict", words=True),
    )
    names = Names.of([one.record for one in found if one.record])
    lines = []
    for one in found:
        compared = {each.what: f"{each.same}/{each.of}" if each.of else "-" for each in one.compared}
        record = one.record
        victim = names.victim(victim_key(record)) if record else one.where
        attack = names.attack(attack_key(record.attack)) if record else ""
        lines.append(
            Line(
                cells=(
                    record.digest[:12] if record else "-",
                    victim,
                    attack,
                    *(compared.get(kept, "-") for kept in Kept),
                    one.verdict,
                ),
                emphasis=_EMPHASIS.get(one.verdict, Emphasis.NONE),
            )
        )
    return Table(columns=columns, lines=tuple(lines))


def notes(found: Sequence[Reproduction]) -> Iterator[str]:
    """A line for what differs first in each record, and for what was not compared."""
    for one in found:
        name = one.record.digest[:12] if one.record else one.where
        if one.first:
            yield f"{name}: {one.first}"
        elif one.conditions:
            yield f"{name}: the same in spite of {'; '.join(map(str, one.conditions))}"
        for each in one.compared:
            if not each.of and each.first:
                yield f"{name}: {each.what}: {each.first}"


def plain(one: Reproduction) -> dict[str, Any]:
    """A reproduction as JSON values."""
    return {
        "record": one.record.digest if one.record else None,
        "where": one.where,
        "verdict": str(one.verdict),
        "exit_code": one.exit_code,
        "first": one.first,
        "queries": one.queries,
        "compared": [asdict(each) for each in one.compared],
        "deviations": [asdict(each) for each in one.deviations],
    }
