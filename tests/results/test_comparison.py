"""Two records compared: the same queries only, and the numbers that the statistics give."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.errors import UsageError
from robusthash.metrics import paired_comparison
from robusthash.results import ADVERSARIAL, CLEAN, QueryArrays, Record, ResultStore, ScoreKey
from robusthash.results.comparing.differences import compare
from robusthash.specs import Goal
from robusthash.testing.records import make_model, make_record, with_digest


def pair(shift: float) -> tuple[Record, QueryArrays, Record, QueryArrays]:
    """Two attacks on the same queries, the second weaker by ``shift`` on each."""
    draw = np.random.default_rng(0)
    clean, strong = draw.uniform(0.8, 1, 50), draw.uniform(0.1, 0.3, 50)
    weak = strong + shift + draw.normal(0, 0.01, 50)

    def record(name: str, after: np.ndarray) -> tuple[Record, QueryArrays]:
        made = make_record(attack=name, clean=float(clean.mean()), after=float(after.mean()))
        return made, QueryArrays(scores={ScoreKey(CLEAN, "map"): clean, ScoreKey(ADVERSARIAL, "map"): after})

    return *record("rnm", strong), *record("hag", weak)


def test_a_difference_is_that_of_the_statistics() -> None:
    left, left_arrays, right, right_arrays = pair(0.1)
    clean, attacked = compare(left, left_arrays, right, right_arrays)
    assert (clean.stage, clean.paired.difference) == ("clean", 0)
    assert clean.paired.p_value == 1
    assert attacked.paired == paired_comparison(
        *(one.scores_of(ADVERSARIAL, "map") for one in (left_arrays, right_arrays)), seed=0
    )
    assert attacked.paired.high < 0
    assert attacked.paired.p_value < 0.01


def test_other_queries_databases_goals_and_protocols_are_refused() -> None:
    left, left_arrays, right, right_arrays = pair(0.1)
    for other in (
        replace(right, dataset=replace(right.dataset, query_digest="other")),
        replace(right, dataset=replace(right.dataset, digest="other")),
        replace(right, attack=replace(right.attack, goal=Goal.TARGETED)),
        replace(right, scoring=replace(right.scoring, relevance="exact")),
        replace(right, scoring=replace(right.scoring, protocols={"map": "map/tie-expected/v2"})),
    ):
        with pytest.raises(UsageError):
            compare(left, left_arrays, other, right_arrays)


def test_the_command_takes_files_and_digests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, left_arrays, right, right_arrays = pair(0.1)
    store = ResultStore(tmp_path)
    file = store.save(left, left_arrays)
    store.save(right, right_arrays)
    assert run(("compare", str(file), right.digest[:12], "--results", str(tmp_path))) == 0
    assert "adversarial" in capsys.readouterr().out
    assert run(("compare", str(file), "beef", "--results", str(tmp_path))) == 2


def test_the_command_names_the_surrogates_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, left_arrays, right, right_arrays = pair(0.1)
    store = ResultStore(tmp_path)
    sources = [make_model("hashnet", weights=weights) for weights in ("u", "v")]
    crafted = [
        with_digest(replace(record, attack=replace(left.attack, surrogate=source)))
        for record, source in zip((left, right), sources, strict=True)
    ]
    for record, arrays in zip((left, *crafted), (left_arrays, left_arrays, right_arrays), strict=True):
        store.save(record, arrays)
    first, second = (record.digest for record in crafted)
    assert run(("compare", first, second, "--results", str(tmp_path))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        f"{which}: rnm from hashnet 32 bit @{source.digest[:6]} on dpsh 32 bit, Linf 8/255"
        for which, source in zip(("first", "second"), sources, strict=True)
    ]
    assert run(("compare", first, left.digest, "--results", str(tmp_path))) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "first: rnm from hashnet 32 bit on dpsh 32 bit, Linf 8/255",
        "second: rnm on dpsh 32 bit, Linf 8/255",
    ]
