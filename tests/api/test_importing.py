"""What ``import robusthash`` gives, and what it costs."""

import subprocess
import sys

import pytest

import robusthash
from robusthash import api


def run_fresh(program: str) -> str:
    """The output of a program in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_imports_neither_torch_nor_numpy() -> None:
    assert run_fresh("import sys, robusthash; print({'torch', 'numpy', 'rich'} & set(sys.modules))") == "set()"
    assert run_fresh("import sys, robusthash; dir(robusthash); print('torch' in sys.modules)") == "False"


def test_every_name_is_there() -> None:
    assert set(robusthash.__all__) <= set(dir(robusthash))
    for name in robusthash.__all__:
        assert getattr(robusthash, name) is not None
    assert {name for name in api.__all__ if name[0].islower()} <= set(robusthash.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'atack'"):
        _ = robusthash.atack


@pytest.mark.slow
def test_a_star_imports_all_and_packages_are_there_without_an_import_of_theirs() -> None:
    assert run_fresh("from robusthash import *; print(wrap.__name__, metrics.map.__name__)") == "wrap map"
    assert run_fresh("import robusthash as rh; print(rh.contracts.CodeBank.__name__)") == "CodeBank"
