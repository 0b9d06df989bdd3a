"""Processes that learn together: they share out batches, end alike, and write once."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from robusthash.contracts import Team
from robusthash.errors import OptionError
from robusthash.files.tensors import load_tensors

NETWORK = """import torch


def build(bits):
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, bits))
"""
#: Both networks of a generator, and batches that two processes cannot share evenly.
OPTIONS = {
    "steps": 6,
    "batch": 9,
    "filters": 4,
    "blocks": 1,
    "deception_weight": 1.0,
    "reconstruction_weight": 1.0,
}
NORMED = re.compile(r"encoder\..*bias$")  #: the norm behind it takes away whatever it adds: its gradient is rounding


def test_alone_nothing_is_shared() -> None:
    alone, parameter = Team(), torch.ones(2, requires_grad=True)
    parameter.grad = torch.tensor([1.0, 2.0])
    alone.average([parameter], 5)
    assert parameter.grad.tolist() == [1, 2]
    assert list(range(5))[alone.share(5)] == [0, 1, 2, 3, 4]
    assert alone.mean({"loss": 3.0}, 5) == {"loss": 3.0}
    assert alone.total(1, 2.5) == (1, 2.5)
    assert alone.agreed("this") == "this"


@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_item_of_a_batch_is_in_one_share(size: int) -> None:
    shares = [list(range(5))[Team(rank=rank, size=size).share(5)] for rank in range(size)]
    assert sorted(item for share in shares for item in share) == list(range(5))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    with pytest.raises(OptionError, match="a batch of 1 items cannot be shared out"):
        Team(size=size).share(1)


@pytest.mark.slow
@pytest.mark.skipif("ROBUSTHASH_TEAMS" not in os.environ, reason="set ROBUSTHASH_TEAMS: torch may abort as it ends")
@pytest.mark.parametrize("attack", ["prosgan", "uaa-gan/paper"])
def test_two_processes_learn_what_one_learns(tmp_path: Path, attack: str) -> None:
    """With the same batches, up to the rounding of sums: 1e-4 of the largest weight of each tensor, after six steps."""
    (tmp_path / "one.py").write_text(NETWORK)
    told, tensors = [], []
    for name, start in (
        ("alone", []),
        ("together", ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]),
    ):
        options = [part for key, value in OPTIONS.items() for part in ("-o", f"{attack}.{key}={value}")]
        arguments = ["fit", attack, "--model", "one.py:build", "--bits", "16", "--epsilon", "0.1", *options]
        output = tmp_path / f"{name}.safetensors"
        done = subprocess.run(
            [sys.executable, *start, "-m", "robusthash", *arguments, "--output", str(output), "--json", "--quiet"],
            cwd=tmp_path,
            env={**os.environ, "ROBUSTHASH_CACHE": str(tmp_path / name), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))  # one document: the other process says nothing
        tensors.append(load_tensors(output))
    alone, together = tensors
    assert alone.keys() == together.keys()
    for name, one in alone.items():
        if NORMED.search(name):
            continue
        apart = float((one.float() - together[name].float()).abs().max())
        assert apart <= 1e-4 * float(one.float().abs().max()), name
    assert [document["processes"] for document in told] == [1, 2]
    assert told[0]["spent"]["backward"] == told[1]["spent"]["backward"] == 6 * 9
    assert len(list((tmp_path / "together" / "attacks").iterdir())) == 1, "written once, and nothing is left"
