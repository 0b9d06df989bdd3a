"""Broken distributions that are truly installed, and the installed command beside them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAD = """
import os, signal, sys, time, warnings
from dataclasses import dataclass
from robusthash import hookimpl
from robusthash.specs import AttackSpec, Goal

@hookimpl
def robusthash_attacks():
    yield AttackSpec(name="bad", factory=f"{__name__}:Bad", summary="Bad", goals=frozenset({Goal.UNTARGETED}))
"""
BODY = """
from robusthash.contracts import Attack

@dataclass(frozen=True, kw_only=True)
class Bad(Attack):
    def perturb(self, batch, context):
        {deed}
        return batch.inputs.clone()
"""
COMMAND = "import sys; from robusthash.cli import main; sys.argv[0] = 'robusthash'; main()"
USERS = """
import os, sys
from torch import nn
import torch

class Net(nn.Module):
    def __init__(self, bits):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 16 * 16, bits)
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        if self.calls >= {calls}:
            {deed}
        return self.layer(images.flatten(1) - 0.5)

def build(bits):
    {early}
    return Net(bits)
"""


def command(site: Any, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=site.environment(ROBUSTHASH_CACHE=str(site.folder / "cache"), **variables),
        cwd=site.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def evaluated(site: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(site, "eval", "--model", "phash", "--queries", "6", "--attack", "bad", "--quiet", *arguments)


@pytest.mark.parametrize("loop", ["while True: pass", "time.sleep(1000)"], ids=["loop", "sleep"])
@pytest.mark.parametrize("arguments", [("plugins", "list"), ("plugins", "doctor")], ids=" ".join)
def test_an_endless_import_is_stopped_and_named(site: Any, loop: str, arguments: tuple[str, ...]) -> None:
    site.install("endless", f"import time\n{loop}\n", version="0.7")
    done = command(site, *arguments, ROBUSTHASH_IMPORT_SECONDS="1", ROBUSTHASH_PLUGINS="endless")
    assert done.returncode == (0 if "list" in arguments else 1)
    assert "entry point 'main' of endless 0.7 was to be loaded, and had not finished after 1 s" in (
        done.stderr + done.stdout
    )


def test_a_class_whose_module_never_ends_is_named(site: Any) -> None:
    site.install("endless", HEAD.replace("{__name__}:Bad", "endless_too:Bad"), version="0.7")
    (site.folder / "endless_too.py").write_text(
        "while True:\n    try:\n        while True: pass\n    except Exception: pass"
    )
    done = command(
        site, "plugins", "show", "bad", "--kind", "attack", ROBUSTHASH_IMPORT_SECONDS="1", ROBUSTHASH_PLUGINS="endless"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "attack 'bad' of endless 0.7 was to be imported from endless_too:Bad, and had not finished" in done.stderr


PRINTS = "print('hello'); os.write(1, b'below\\n'); os.system('echo child')"


def test_prints_at_import_break_no_json(site: Any) -> None:
    site.install("chatty", f"{HEAD}\n{PRINTS}\n", version="0.7")
    done = command(site, "plugins", "list", "--json", ROBUSTHASH_PLUGINS="chatty")
    assert [one["name"] for one in json.loads(done.stdout) if one["distribution"] == "chatty"] == ["bad"]
    assert all(word in done.stderr for word in ("hello", "below", "child"))


@pytest.mark.parametrize(
    ("deed", "says"),
    [("os._exit(0)", "tried to end the process with os._exit(0)"), ("sys.exit(0)", "exit code 0 (SystemExit)")],
)
@pytest.mark.slow
def test_what_ends_a_worker_is_told(site: Any, deed: str, says: str) -> None:
    site.install("endings", HEAD + BODY.format(deed=deed), version="0.7")
    done = evaluated(site, "--workers", "2")
    assert done.returncode == 1
    assert "attack 'bad' of endings 0.7" in done.stderr
    assert says in done.stderr
    assert "noise" in done.stdout  # the other cell is shown


@pytest.mark.slow
def test_prints_at_run_time_break_no_json(site: Any) -> None:
    site.install("chatty", HEAD + BODY.format(deed=PRINTS), version="0.7")
    done = evaluated(site, "--json")
    assert [record["attack"]["name"] for record in json.loads(done.stdout)] == ["noise", "bad"], done.stderr
    assert all(word in done.stderr for word in ("hello", "below", "child"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("import torch; torch.set_grad_enabled(False)", "changed torch.set_grad_enabled"),
        ("import torch; torch.set_default_dtype(torch.float64)", "changed torch.set_default_dtype"),
        ("warnings.simplefilter('error')", "changed the filters of warnings"),
        ("os.environ['ROBUSTHASH_CACHE'] = '/nowhere'", "changed the environment variable ROBUSTHASH_CACHE"),
    ],
    ids=["gradients", "dtype", "filters", "environment"],
)
def test_state_left_behind_at_import_is_told(site: Any, deed: str, says: str) -> None:
    site.install("careless", f"{HEAD}\n{deed}\n", version="0.7")
    done = command(site, "plugins", "list", ROBUSTHASH_PLUGINS="careless")
    assert done.returncode == 0
    assert f"warning: entry point 'main' of careless 0.7 {says}" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "deed", "early", "says"),
    [
        (1, "sys.exit(0)", "pass", "exit code 0 (SystemExit)"),
        (4, "sys.exit(0)", "pass", "exit code 0 (SystemExit)"),
        (1, "os._exit(0)", "pass", "os._exit(0)"),
        (99, "pass", "sys.exit(0)", "exit code 0 (SystemExit)"),
        (99, "pass", "os._exit(0)", "os._exit(0)"),
        (3, "raise KeyError('gone')", "pass", "KeyError: 'gone'"),
    ],
)
def test_a_model_of_the_users_own_ends_nothing_in_silence(
    site: Any, calls: int, deed: str, early: str, says: str
) -> None:
    path = Path(site.folder) / "mine.py"
    path.write_text(USERS.format(calls=calls, deed=deed, early=early))
    done = command(site, "eval", "--model", f"{path}:build", "--attack", "noise", "--queries", "6", "--quiet")
    assert done.returncode in (1, 2)
    assert "mine.py" in done.stderr
    assert says in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.slow
def test_native_code_that_crashes_shows_where_it_was_called(site: Any) -> None:
    site.install("crashing", f"{HEAD}\nimport faulthandler; faulthandler._sigsegv()\n", version="0.7")
    done = command(site, "plugins", "list", ROBUSTHASH_PLUGINS="crashing")
    assert done.returncode < 0
    assert "crashing.py" in done.stderr
