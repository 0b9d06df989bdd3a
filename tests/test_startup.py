"""What a process imports before it needs it, which is what its start takes: modules are counted, not seconds."""

import subprocess
import sys
from collections.abc import Iterable

import pytest

COMPUTING = "torch", "numpy", "faiss"
SLOW = "torchvision", "sklearn", "scipy", "sympy", "torch._dynamo", "timm", "matplotlib", "h5py", "faiss"


def imported(program: str, heavy: Iterable[str]) -> str:
    """Which of the modules a process has imported once a program has run in it."""
    code = f"{program}\nimport sys\nprint(sorted({set(heavy)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_a_listing_draws_no_table_with_rich() -> None:
    listing = "from robusthash.cli import run; assert run(['plugins', 'list']) == 0"
    assert imported(listing, (*COMPUTING, *SLOW, "rich")) == "[]"


@pytest.mark.slow
def test_computing_imports_torch_and_nothing_else_that_is_slow() -> None:
    program = """
import robusthash.adversary, robusthash.contracts, robusthash.evaluation, robusthash.metrics, robusthash.results
import robusthash.training
from robusthash.contracts import DatasetContext
from robusthash.host import PluginHost, PluginKind

host = PluginHost.load()
for registered in (one for kind in PluginKind for one in host.all(kind)):
    host.resolve(registered)
digits = host.create(host.find(PluginKind.DATASET, "digits")).load(DatasetContext(root=None, cache=None))
network, _ = host.create(host.find(PluginKind.BACKBONE, digits.backbone)).build("none")
network(digits.query.images.read([0]) / 255).sum().backward()
"""
    assert imported(program, (*SLOW, "rich")) == "[]"
