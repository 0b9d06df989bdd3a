"""The plugin host: what it finds, and how it lives with plugins that are broken."""

import subprocess
import sys
from typing import Any

import pytest

import robusthash
from robusthash.errors import (
    AmbiguousNameError,
    ContractError,
    MissingDependencyError,
    OptionError,
    PluginError,
    UnknownNameError,
)
from robusthash.host import PluginHost, PluginKind, PluginProblem

GOOD = """
from dataclasses import dataclass
from robusthash import hookimpl
from robusthash.specs import DefenseSpec

@dataclass(frozen=True, kw_only=True)
class Blur:
    width: int = 3  #: of the window

@hookimpl
def robusthash_defenses():
    yield DefenseSpec(name="blur", factory=f"{__name__}:Blur", summary="Blurs", options={"width": 5})
    yield DefenseSpec(name="blur/wide", factory=f"{__name__}:Blur", summary="Blurs more", options={"width": "9"})
"""

HEAD = """
from robusthash import hookimpl
from robusthash.specs import DefenseSpec, ModelSpec

def spec(name="late", **more):
    return DefenseSpec(name=name, factory="somewhere:Thing", summary="A thing", **more)
"""

# What is broken, and what the problem says of it.
BROKEN = {
    "import error": (
        "import no_such_module_anywhere",
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    ),
    "syntax error": ("def", "SyntaxError"),
    "exit at import": ("raise SystemExit(3)", "exit code 3 (SystemExit)"),
    "wrong spec type": (
        HEAD + "@hookimpl\ndef robusthash_defenses():\n    yield spec()\n    yield 'late'",
        "robusthash_defenses yielded str (yield instances of DefenseSpec)",
    ),
    "spec of another kind": (
        HEAD + "@hookimpl\ndef robusthash_models():\n    yield spec()",
        "robusthash_models yielded DefenseSpec (yield instances of ModelSpec)",
    ),
    "no iterable": (HEAD + "@hookimpl\ndef robusthash_defenses():\n    return 3", "robusthash_defenses returned int"),
    "invalid spec": (HEAD + "@hookimpl\ndef robusthash_defenses():\n    yield spec('Big Name')", "bad name 'Big Name'"),
    "invalid options": (
        HEAD + "@hookimpl\ndef robusthash_defenses():\n    yield spec(options=[1])",
        "bad options of 'late'",
    ),
    "hook that raises late": (
        HEAD + "@hookimpl\ndef robusthash_defenses():\n    yield spec()\n    1 / 0",
        "ZeroDivisionError",
    ),
    "unknown argument": (HEAD + "@hookimpl\ndef robusthash_defenses(config):\n    yield spec()", "'config'"),
    "misspelt hook": (
        HEAD + "@hookimpl\ndef robusthash_defences():\n    yield spec()",
        "unknown hook 'robusthash_defences' (did you mean 'robusthash_defenses'?)",
    ),
    "forgotten decorator": (
        HEAD + "def robusthash_defenses():\n    yield spec()",
        "robusthash_defenses is not marked as a hook (decorate it with @robusthash.hookimpl)",
    ),
    "no hook": ("value = 1", "it implements no hook"),
    "same name twice": (
        HEAD + "@hookimpl\ndef robusthash_defenses():\n    yield spec()\n    yield spec()",
        "defense 'late' is yielded twice",
    ),
    "newer interface": (
        HEAD + "@hookimpl\ndef robusthash_defenses():\n    yield spec('fine')\n    yield spec(requires_api='>=2')",
        "defense 'late' needs plugin interface >=2, this robusthash has 1.0",
    ),
    "newer interface of all of it": (
        HEAD + "requires_api = '>=2'\n@hookimpl\ndef robusthash_run_finished(soon):\n    1 / 0",
        "it needs plugin interface >=2, this robusthash has 1.0",
    ),
    "bad version range": (
        HEAD + "@hookimpl\ndef robusthash_defenses():\n    yield spec(requires_api='new')",
        "bad requires_api 'new'",
    ),
}


def names(host: PluginHost, kind: PluginKind = PluginKind.DEFENSE) -> list[str]:
    return [registered.full_name for registered in host.all(kind)]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_leaves_nothing_and_hurts_nobody(site: Any, case: str) -> None:
    source, expected = BROKEN[case]
    site.install("broken-one", source, version="0.7")
    site.install("good", GOOD)
    heard: list[PluginProblem] = []
    host = PluginHost.load(entry_points=site.entry_points(), report=heard.append)

    assert names(host) == ["good/blur", "good/blur/wide"]
    assert [str(owner) for owner in host.owners] == ["good 1.2", f"robusthash {robusthash.__version__}"]
    (problem,) = host.problems
    assert heard == [problem]
    assert problem.message.startswith("not loaded: entry point 'main' of broken-one 0.7")
    assert expected in problem.message
    assert "\n" not in problem.message
    assert problem.details.startswith("Traceback")
    with pytest.raises(UnknownNameError, match=r"failed to load: broken-one 0.7"):
        host.find(PluginKind.DEFENSE, "late")


def test_strict_names_every_problem(site: Any) -> None:
    site.install("broken-one", BROKEN["newer interface"][0], version="0.7")
    site.install("also-broken", "raise RuntimeError('no')")
    with pytest.raises(PluginError) as caught:
        PluginHost.load(strict=True, entry_points=site.entry_points())
    assert "broken-one 0.7" in caught.value.message
    assert "also-broken 1.2" in caught.value.message


def test_an_interrupt_is_no_problem_of_a_plugin(site: Any) -> None:
    site.install("broken-one", "import signal\nsignal.raise_signal(signal.SIGINT)")
    with pytest.raises(KeyboardInterrupt):
        PluginHost.load(entry_points=site.entry_points())


def test_an_imitated_interrupt_is_one(site: Any) -> None:
    site.install("broken-one", "raise KeyboardInterrupt")
    (problem,) = PluginHost.load(entry_points=site.entry_points()).problems
    assert "KeyboardInterrupt, although nobody interrupted it" in problem.message


def test_one_broken_entry_point_does_not_take_the_other_of_its_distribution(site: Any) -> None:
    site.install("good", GOOD, entry_points="[robusthash]\na = good\nb = good.missing:thing\nc = good\n")
    host = PluginHost.load(entry_points=site.entry_points())
    assert names(host) == ["good/blur", "good/blur/wide"]
    first, second = host.problems
    assert "not loaded: entry point 'b' of good 1.2" in first.message
    assert "another entry point names the same plugin" in second.message


def test_the_core_comes_with_its_own_plugin() -> None:
    host = PluginHost.load(strict=True, entry_points=())
    assert names(host, PluginKind.RETRIEVER) == ["robusthash/torch"]
    assert host.find(PluginKind.RETRIEVER, "torch").owner.distribution == "robusthash"


def test_names(site: Any) -> None:
    site.install("One_Dist", GOOD)
    host = PluginHost.load(entry_points=site.entry_points())
    wide = host.find(PluginKind.DEFENSE, "blur/wide")
    assert wide.full_name == "one-dist/blur/wide"
    assert host.find(PluginKind.DEFENSE, "one-dist/blur/wide") == wide
    assert host.find(PluginKind.DEFENSE, "One_Dist/blur/wide") == wide
    assert host.find_all("blur/wide") == [wide]
    with pytest.raises(UnknownNameError, match="did you mean 'blur'") as caught:
        host.find(PluginKind.DEFENSE, "blurr", where="--defense")
    assert caught.value.message == "unknown defense 'blurr' in --defense"
    with pytest.raises(UnknownNameError, match="no attack is installed"):
        host.find(PluginKind.ATTACK, "blur")
    with pytest.raises(UnknownNameError):
        host.find_all("nothing-like-it")


def test_two_owners_of_a_name_are_both_reachable(site: Any) -> None:
    site.install("one", GOOD)
    site.install("two", GOOD)
    host = PluginHost.load(strict=True, entry_points=site.entry_points())
    assert names(host) == ["one/blur", "two/blur", "one/blur/wide", "two/blur/wide"]
    with pytest.raises(AmbiguousNameError, match="one/blur or two/blur"):
        host.find(PluginKind.DEFENSE, "blur")
    assert str(host.find(PluginKind.DEFENSE, "two/blur").owner) == "two 1.2"
    assert [[registered.full_name for registered in group] for group in host.duplicates()] == [
        ["one/blur", "two/blur"],
        ["one/blur/wide", "two/blur/wide"],
    ]


def test_the_allow_list_applies_before_any_import(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = site.folder / "imported"
    site.install("good", GOOD)
    site.install("shy", f"open({str(marker)!r}, 'w').close()\n" + GOOD)
    monkeypatch.setenv("ROBUSTHASH_PLUGINS", "Good")
    host = PluginHost.load(entry_points=site.entry_points())
    assert names(host) == ["good/blur", "good/blur/wide"]
    assert not marker.exists()
    assert [str(owner) for owner in host.excluded] == ["shy 1.2"]
    with pytest.raises(UnknownNameError, match=r"excluded by the allow-list: shy 1.2"):
        host.find(PluginKind.DEFENSE, "sharpen")

    monkeypatch.setenv("ROBUSTHASH_PLUGINS", "")
    assert names(PluginHost.load(entry_points=site.entry_points())) == []
    assert not marker.exists()
    assert len(names(PluginHost.load(entry_points=site.entry_points(), allow=["shy"]))) == 2
    assert marker.exists()


def test_the_allow_list_may_name_entry_points_but_nothing_unknown(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("good", GOOD, entry_points="[robusthash]\nfilters = good\n")
    assert len(names(PluginHost.load(entry_points=site.entry_points(), allow=["filters", "robusthash"]))) == 2
    monkeypatch.setenv("ROBUSTHASH_PLUGINS", "goood")
    with pytest.raises(UnknownNameError, match="did you mean 'good'") as caught:
        PluginHost.load(entry_points=site.entry_points())
    assert caught.value.message == "unknown plugin 'goood' in ROBUSTHASH_PLUGINS"


def test_the_users_options_lie_over_the_specs(site: Any) -> None:
    site.install("good", GOOD)
    host = PluginHost.load(entry_points=site.entry_points())
    wide = host.find(PluginKind.DEFENSE, "blur/wide")
    assert host.create(host.find(PluginKind.DEFENSE, "blur")).width == 5
    assert host.create(wide).width == 9
    assert host.create(wide, {"width": "11"}).width == 11
    with pytest.raises(OptionError, match=r"unknown option blur/wide.widht .*did you mean 'width'"):
        host.create(wide, {"widht": "11"})


FACTORIES = """
from dataclasses import dataclass
from robusthash import hookimpl
from robusthash.specs import DefenseSpec
from robusthash.errors import MissingDependencyError

class Bare:
    pass

@dataclass(frozen=True, kw_only=True)
class Clumsy:
    width: int = 3

    def __post_init__(self):
        raise KeyError("oops")

def function():
    pass

def spec(name, factory, **more):
    return DefenseSpec(name=name, factory=factory, summary="A thing", **more)

@hookimpl
def robusthash_defenses():
    yield spec("no-module", "factories_missing.blur:Blur")
    yield spec("no-name", f"{__name__}:Missing")
    yield spec("no-class", f"{__name__}:function")
    yield spec("no-dataclass", f"{__name__}:Bare")
    yield spec("clumsy", f"{__name__}:Clumsy")
    yield spec("misfit", f"{__name__}:Clumsy", options={"widht": 3})
    yield spec("needs-more", "needs_more:Thing")
"""


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("no-module", PluginError, "defense 'no-module' of factories 3.0 was to be imported from factories_missing.b"),
        ("no-name", PluginError, "be imported from factories:Missing, and raised AttributeError"),
        ("no-class", PluginError, "factories:function, the defense 'no-class' of factories 3.0, is of type function"),
        ("no-dataclass", ContractError, "defense 'no-dataclass' of factories 3.0: Bare is not a dataclass"),
        ("clumsy", PluginError, "defense 'clumsy' of factories 3.0 was to be created, and raised KeyError: 'oops'"),
        ("misfit", PluginError, "the spec of defense 'misfit' of factories 3.0 does not fit its class"),
        ("needs-more", MissingDependencyError, "install more"),
    ],
)
def test_a_broken_factory_names_its_distribution(site: Any, name: str, error: type[PluginError], message: str) -> None:
    site.install("factories", FACTORIES, version="3.0")
    site.modules.append("needs_more")
    (site.folder / "needs_more.py").write_text(
        "from robusthash.errors import MissingDependencyError\nraise MissingDependencyError('install more')"
    )
    host = PluginHost.load(strict=True, entry_points=site.entry_points())
    with pytest.raises(error) as caught:
        host.create(host.find(PluginKind.DEFENSE, name))
    assert message in str(caught.value)


OBSERVER = """
from robusthash import hookimpl
seen = []

@hookimpl
def robusthash_run_started(cells):
    seen.append(cells)
    if "{mood}" == "bad":
        raise SystemExit("tired")
"""


def test_an_observer_that_fails_stops_nobody(site: Any) -> None:
    site.install("bad-observer", OBSERVER.format(mood="bad"))
    site.install("calm-observer", OBSERVER.format(mood="calm"))
    heard: list[PluginProblem] = []
    host = PluginHost.load(strict=True, entry_points=site.entry_points(), report=heard.append)
    host.notify("robusthash_run_started", cells=3, settings={})
    assert sys.modules["bad_observer"].seen == sys.modules["calm_observer"].seen == [3]
    (problem,) = heard
    assert problem.message.startswith("entry point 'main' of bad-observer 1.2 was to observe robusthash_run_started")
    assert "tried to end the process with exit code 'tired' (SystemExit) (bad_observer.py, line 9)" in problem.message
    assert tuple(heard) == host.problems
    with pytest.raises(UnknownNameError) as caught:
        host.find(PluginKind.DEFENSE, "x")
    assert "failed to load" not in str(caught.value)
    with pytest.raises(AttributeError):
        host.notify("robusthash_run_strated", cells=3)


def test_a_broken_plugin_observes_nothing(site: Any) -> None:
    source = OBSERVER.format(mood="calm") + "\n@hookimpl\ndef robusthash_defenses():\n    yield 'late'\n"
    site.install("broken-observer", source)
    host = PluginHost.load(entry_points=site.entry_points())
    assert len(host.problems) == 1
    host.notify("robusthash_run_started", cells=3, settings={})
    assert sys.modules["broken_observer"].seen == []


PROBE = """
import sys
from robusthash.host import PluginKind, PluginHost
host = PluginHost.load()
print([registered.full_name for registered in host.all(PluginKind.DEFENSE) if registered.owner.distribution == "good"])
print([problem.message for problem in host.problems])
print(sorted({"torch", "numpy", "faiss", "sklearn"} & set(sys.modules)))
"""


def test_installed_distributions_are_found_and_nothing_heavy_is_imported(site: Any) -> None:
    site.install("good", GOOD)
    site.install("broken-one", "import no_such_module_anywhere", version="0.7")
    site.install("malformed", GOOD, entry_points="[robusthash]\nno equals sign\n")
    site.install("unrelated", "1 / 0", entry_points="[console_scripts]\nx = unrelated:main\n")
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=site.environment(), capture_output=True, text=True, check=True
    )
    found, problems, heavy = done.stdout.splitlines()
    assert found == "['good/blur', 'good/blur/wide']"
    assert "not loaded: entry point 'main' of broken-one 0.7" in problems
    assert "not loaded: entry point 'entry_points.txt' of malformed 1.2" in problems
    assert "unrelated" not in problems
    assert heavy == "[]"
