"""Whom an option is for, where objects of several kinds have one name: the attack and the defense ``fpad``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import robusthash
from robusthash.cli import run
from robusthash.errors import OptionError
from robusthash.host import (
    PluginHost,
    PluginKind,
    Registered,
    options_of,
    owner_of,
    require_one_owner,
    require_owners,
)
from tests.suites import read_suite

ATTACK, DEFENSE = PluginKind.ATTACK, PluginKind.DEFENSE


@pytest.fixture(scope="module")
def host() -> PluginHost:
    return PluginHost.load()


def fpad(host: PluginHost, *kinds: PluginKind) -> list[Registered]:
    return [host.find(kind, "fpad") for kind in kinds]


@pytest.mark.parametrize(
    ("options", "attack", "defense"),
    [
        ({"fpad": {"scale": "0.3"}}, {"scale": "0.3"}, {}),
        ({"fpad": {"ramp": 1, "scale": "0.3"}}, {"scale": "0.3"}, {"ramp": 1}),
        ({"attack:fpad": {"steps": 3}}, {"steps": 3}, {}),
        ({"attack:fpad": {"steps": 3}, "defense:fpad": {"steps": 5}}, {"steps": 3}, {"steps": 5}),
        ({"attack:robusthash_crossmodal/fpad": {"steps": 3}, "hag": {"steps": 4}}, {"steps": 3}, {}),
        ({"robusthash-crossmodal/fpad": {"ramp": 1}}, {}, {"ramp": 1}),
    ],
)
def test_an_option_is_for_the_one_that_has_it(
    host: PluginHost, options: Mapping[str, Any], attack: dict[str, Any], defense: dict[str, Any]
) -> None:
    used = fpad(host, ATTACK, DEFENSE)
    require_owners(options, [*used, host.find(ATTACK, "hag")])
    require_one_owner(host, options, used)
    assert [options_of(host, one, options) for one in used] == [attack, defense]


def test_what_only_one_of_the_run_has_is_for_that_one(host: PluginHost) -> None:
    options = {"fpad": {"steps": 3}}
    for kind in (ATTACK, DEFENSE):
        require_one_owner(host, options, fpad(host, kind))
        assert options_of(host, fpad(host, kind)[0], options) == {"steps": 3}


@pytest.mark.parametrize(
    ("options", "kinds", "message", "hint"),
    [
        (
            {"fpad": {"steps": 3}},
            [ATTACK, DEFENSE],
            "option fpad.steps could be of attack 'fpad' or defense 'fpad'",
            "write attack:fpad.steps or defense:fpad.steps",
        ),
        ({"fpad": {"ramp": 1}}, [ATTACK], "option fpad.ramp is of defense 'fpad' of robusthash-cross", "attack fpad:"),
        (
            {"fpad": {"tempreature": 1}},
            [ATTACK, DEFENSE],
            "unknown option fpad.tempreature",
            "did you mean 'temperature'?",
        ),
    ],
)
def test_whatever_else_is_one_clear_error(
    host: PluginHost, options: Mapping[str, Any], kinds: list[PluginKind], message: str, hint: str
) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        require_one_owner(host, options, fpad(host, *kinds))
    assert hint in (raised.value.hint or "")


def test_a_kind_that_the_run_does_not_use_is_no_owner(host: PluginHost) -> None:
    with pytest.raises(OptionError, match="unknown option owner 'defence:fpad'") as raised:
        require_owners({"defence:fpad": {}}, fpad(host, DEFENSE))
    assert "did you mean 'defense:fpad'" in (raised.value.hint or "")
    with pytest.raises(OptionError, match="unknown option owner 'attack:fpad'"):
        require_owners({"attack:fpad": {}}, fpad(host, DEFENSE))
    require_owners({"train": {}}, [], others=["train"])


def test_an_option_that_is_set_twice_is_refused(host: PluginHost) -> None:
    with pytest.raises(OptionError, match="option steps of attack fpad is given twice"):
        options_of(host, fpad(host, ATTACK)[0], {"fpad": {"steps": 3}, "attack:fpad": {"steps": 4}})


def test_the_shortest_owner_is_shown(host: PluginHost, capsys: pytest.CaptureFixture[str]) -> None:
    assert [owner_of(host, one) for one in (*fpad(host, ATTACK, DEFENSE), host.find(ATTACK, "hag"))] == [
        "attack:fpad",
        "defense:fpad",
        "hag",
    ]
    assert run(["plugins", "show", "fpad"]) == 0
    told = capsys.readouterr().out
    assert "set with: -o attack:fpad.steps=" in told
    assert "set with: -o defense:fpad.epochs=" in told


SUITE = """
models = ["dcmh"]
attacks = ["fpad"]
defenses = ["fpad"]
[options.fpad]
scale = 0.3
ramp = 0.25
[options."attack:fpad"]
steps = 2
"""


def test_a_suite_and_the_command_line_set_them_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    read = read_suite(tmp_path / "suite.toml").setting.options
    assert read == {"fpad": {"scale": "0.3", "ramp": "0.25"}, "attack:fpad": {"steps": "2"}}
    command = ["eval", "--model", "dcmh", "--defense", "fpad", "--attack", "fpad", "--queries", "3"]
    assert run([*command, "-o", "fpad.steps=2", "--results", str(tmp_path)]) == 2
    assert "write attack:fpad.steps or defense:fpad.steps" in capsys.readouterr().err


def test_the_python_interface_knows_the_owners(tmp_path: Path) -> None:
    options = {"fpad": {"steps": 2}}
    with pytest.raises(OptionError, match=r"fpad\.steps could be of"):
        robusthash.evaluate("dcmh", "fpad", defenses=["fpad"], options=options, results=tmp_path)
    with pytest.raises(OptionError, match="vary names 'attack:fpad'") as raised:
        robusthash.evaluate("dcmh", "fpad", vary={"attack:fpad": {"steps": [1, 2]}}, results=tmp_path)
    assert raised.value.hint == "write fpad, since only attacks are varied"
