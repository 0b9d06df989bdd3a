"""What a process imports before it needs it, which is what its start takes: modules are counted, not seconds."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

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


IMPORT = ["--layout", "prosgan", "--model", "dpsh", "--bits", "32", "--backbone", "vgg11", "--dataset", "digits"]
BAD = [
    ["eval", "--model", "dpssh"],
    ["eval", "--model", "dpsh", "--attack", "rmn"],
    ["eval", "--model", "dpsh", "--defense", "jpg"],
    ["eval", "--model", "dpsh", "--surrogate", "dpssh"],
    ["eval", "--model", "dpsh", "--dataset", "digit"],
    ["eval", "--model", "dpsh", "--backbone", "resnet"],
    ["eval", "--model", "dpsh", "--retriever", "faisss"],
    ["eval", "--model", "dpsh", "--metric", "mapp"],
    ["eval", "--model", "dpsh", "--executor", "slurmm"],
    ["eval", "--model", "dpsh", "--device", "tpu"],
    ["eval", "--model", "dpsh", "--epsilon", "2"],
    ["eval", "--model", "dpsh", "--bits", "0"],
    ["eval", "--model", "dpsh", "--image-size", "0"],
    ["eval", "--model", "dpsh", "--relevance", "some"],
    ["eval", "--model", "dpsh", "--precision", "half"],
    ["eval", "--model", "dpsh", "--direction", "i2x"],
    ["eval", "--model", "dpsh", "-o", "nobody.steps=1"],
    ["eval", "--model", "dpsh", "-o", "steps"],
    ["eval", "--model", "dpsh", "--vary", "rnm.steps=1,2"],
    ["eval", "--model", "missing.py:build"],
    ["eval", "--model", "missing.safetensors"],
    ["eval", "--model", "bad.safetensors"],
    ["eval", "--model", "bad.safetensors", "--checkpoint", "bad.safetensors"],
    ["eval", "--checkpoint", "bad.safetensors"],
    ["eval", "--model", "dpsh", "--checkpoint", "bad.safetensors"],
    ["eval", "--model", "dpsh", "--weights", "bad.safetensors"],
    ["eval", "--model", "dpsh", "--checkpoint", "weights.pt"],
    ["eval", "--suite", "missing.toml"],
    ["eval", "--suite", "bad.toml"],
    ["eval", "--suite", "unknown.toml"],
    ["eval", "--model", "dpsh", "--results", "bad.toml"],
    ["train", "--model", "dpssh"],
    ["train", "--model", "dpsh", "--bits", "9999"],
    ["train", "--model", "bad.safetensors"],
    ["train", "--model", "dpsh", "--checkpoint", "bad.safetensors"],
    ["train", "--model", "dpsh", "--output", "bad.toml/x.safetensors"],
    ["train", "--model", "dpsh", "-o", "nobody.steps=1"],
    ["harden", "cgatt", "--model", "dpsh"],
    ["harden", "cgat", "--model", "dpssh"],
    ["harden", "cgat", "--model", "missing.safetensors"],
    ["harden", "cgat", "--model", "m.py:build"],
    ["attack", "--model", "dpsh", "--attack", "rmn", "--output", "out"],
    ["attack", "--model", "dpsh", "--attack", "rnm", "--epsilon", "x", "--output", "out"],
    ["attack", "--model", "dpsh", "--attack", "rnm", "--input", "missing", "--output", "out"],
    ["attack", "--model", "dpsh", "--attack", "rnm", "--output", "bad.toml"],
    ["import", "missing.pth", *IMPORT],
    ["import", "bad.safetensors", *IMPORT],
    ["import", "weights.pt", *IMPORT, "--dataset", "digit"],
    ["import", "weights.pt", *IMPORT, "--model", "dpssh"],
    ["import", "weights.pt", *IMPORT, "--backbone", "vgg"],
    ["import", "weights.pt", *IMPORT, "--bits", "0"],
    ["import", "weights.pt", *IMPORT, "--output", "x.pt"],
    ["import", "weights.pt", *IMPORT, "-o", "rnm.steps=1"],
    ["rescore", "--metric", "mapp"],
    ["rescore", "--retriever", "faisss"],
    ["rescore", "-o", "nobody.x=1"],
    ["rescore", "--results", "missing"],
    ["curve", "--over", "epsilon", "--results", "missing"],
    ["curve", "--over", "epsilon", "--plot", "x.xyz"],
]  #: commands whose error is known before anything is computed


def test_errors_that_need_no_torch_come_before_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 64)
    (tmp_path / "weights.pt").write_bytes(b"PK\x03\x04")
    (tmp_path / "bad.toml").write_text("models = [3]")
    (tmp_path / "unknown.toml").write_text('models = ["dpssh"]')
    program = f"""
import sys
from robusthash.cli import run
wrong = []
for arguments in {BAD!r}:
    code = run(arguments)
    if code not in (2, 5) or "torch" in sys.modules:
        wrong.append((arguments, code, "torch" in sys.modules))
        break
print(wrong)
sys.exit(0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert "internal error" not in done.stderr


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
