"""How rules are written, and what is said about those that are not."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robusthash.errors import InputError, UsageError
from robusthash.results.gate import Level, parse_rule, read_settings
from robusthash.results.gate.rules import Comparison


@pytest.mark.parametrize(
    ("text", "metric", "filters", "comparison", "limit"),
    [
        ("map >= 0.3", "map", {}, Comparison.AT_LEAST, 0.3),
        ("map>=30%", "map", {}, Comparison.AT_LEAST, 0.3),
        ("map > .3", "map", {}, Comparison.ABOVE, 0.3),
        ("precision@r2[stage=clean]<1", "precision@r2", {"stage": "clean"}, Comparison.BELOW, 1.0),
        (
            "map[attack=rnm*, epsilon=8/255] >= 3e-1",
            "map",
            {"attack": "rnm*", "epsilon": "8/255"},
            Comparison.AT_LEAST,
            0.3,
        ),
        ("  map [ model = dpsh/saat ]  drop<=0 ", "map", {"model": "dpsh/saat"}, Comparison.DROP, 0.0),
        ("t-map@1000 rise <= 0.02", "map@1000", {}, Comparison.RISE, 0.02),
    ],
)
def test_a_rule_says_what_it_means(
    text: str, metric: str, filters: dict[str, str], comparison: Comparison, limit: float
) -> None:
    rule = parse_rule(text)
    assert (rule.metric, dict(rule.filters), rule.comparison) == (metric, filters, comparison)
    assert rule.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "it ends where a metric"),
        ("map", 4, "it ends where one of >="),
        ("map[", 5, "it ends where a key"),
        ("map[attak=rnm] >= 0.3", 5, "did you mean 'attack'?"),
        ("map[attack rnm] >= 0.3", 12, "'rnm' stands where = after attack should"),
        ("map[attack=rnm >= 0.3", 16, "'>=' stands where a comma or ] should"),
        ("map[attack=rnm,attack=hag] >= 0.3", 16, "attack is given twice"),
        ("map[epsilon=8] >= 0.3", 13, "write 8/255, not 8"),
        ("map[stage=claen] >= 0.3", 11, "did you mean 'clean'?"),
        ("map[stage=clean, attack=rnm] >= 0.3", 18, "clean queries are not attacked"),
        ("map => 0.3", 5, "'=' stands where one of"),
        ("map == 0.3", 5, "'==' stands where one of"),
        ("map dorp <= 0.3", 5, "did you mean 'drop'?"),
        ("map drop >= 0.3", 10, "<= after drop"),
        ("map drop <= 2%", 14, "write drop <= 0.02"),
        ("t-map drop <= 0.1", 7, "t-map rise <="),
        ("map rise <= 0.1", 5, "map drop <="),
        ("map >= 30", 8, "write 0.3 or 30%"),
        ("map >= -0.1", 8, "outside 0 to 1"),
        ("map >= nan", 8, "'nan' is not a number"),
        ("map >= 0.3 please", 12, "the end of the rule"),
        ("map ! 0.3", 5, "'!' has no meaning here"),
        ("map\x1b[2J >= 0.3", 1, "\\x1b"),
    ],
)
def test_an_error_has_the_column_and_what_would_be_right(text: str, column: int, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rule(text)
    assert said in str(caught.value)
    assert f"column {column}:" in caught.value.message or column == 1
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_rule(text).metric


@pytest.mark.parametrize(
    ("pattern", "fact", "fits"),
    [("epsilon=8/255", "8/255", True), ("epsilon=0.0313725", "8/255", True), ("epsilon=16/255", "8/255", False)],
)
def test_epsilons_are_compared_as_numbers(pattern: str, fact: str, fits: bool) -> None:
    assert parse_rule(f"map[{pattern}] >= 0").selects({"stage": "adversarial", "epsilon": fact}) is fits


def test_a_cell_without_a_fact_is_not_named_by_it() -> None:
    assert not parse_rule("map[attack=*] >= 0").selects({"stage": "adversarial"})


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_rules_of_a_project_have_levels_and_lines(tmp_path: Path) -> None:
    file = write(
        tmp_path / "pyproject.toml",
        """[tool.other]
x = 1
[tool.robusthash.gate]
baseline = "robust/baseline.json"
confidence = 0.9
allow = ["RH005"]
rules = [
    "map >= 0.3",
    { rule = "map[stage=clean] drop <= 0.02", level = "warn", allow = ["RH008"] },
]
""",
    )
    found = read_settings(file)
    assert [(rule.level, rule.where.line) for rule in found.rules] == [(Level.ERROR, 8), (Level.WARN, 9)]
    assert found.baseline == tmp_path / "robust/baseline.json"
    assert (found.confidence, found.allow, found.rules[1].allow) == (0.9, {"RH005"}, {"RH008"})


def test_a_file_of_its_own_needs_no_table(tmp_path: Path) -> None:
    assert len(read_settings(write(tmp_path / "gate.toml", 'rules = ["map >= 0.3"]')).rules) == 1
    assert len(read_settings(write(tmp_path / "bom.toml", '\ufeffrules = ["map >= 0.3"]')).rules) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rules for a gate"),
        ("rules = 3", "not a list of texts"),
        ("rules = [3]", "not a list of texts"),
        ('rules = ["map >= 0.3"]\nbasline = "x"', "did you mean 'baseline'?"),
        ('rules = ["map >= 0.3"]\nbaseline = 3', "not a path"),
        ('rules = ["map >= 0.3"]\nconfidence = true', "not a number"),
        ('rules = ["map >= 0.3"]\nconfidence = 95', "outside [0.5, 1)"),
        ('rules = ["map >= 0.3"]\nallow = ["RH3"]', "no soundness check"),
        ('rules = [{ rule = "map >= 0.3", levl = "warn" }]', "unknown key 'levl'"),
        ('rules = [{ level = "warn" }]', "has no text named rule"),
        ('rules = [{ rule = "map >= 0.3", level = "fatal" }]', "level is 'fatal'"),
        ('rules = [\n"map >= 0.3",\n"map => 0.3"]', "gate.toml:3: rule 'map => 0.3', column 5"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(write(tmp_path / "gate.toml", text))
    assert said in str(caught.value)
    assert "gate.toml" in caught.value.message or "confidence" in caught.value.message


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", write(tmp_path / "odd.toml", "rules = [")):
        with pytest.raises(InputError, match=path.name):
            read_settings(path)
