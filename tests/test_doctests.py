"""What docstrings show is what the code does."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_PACKAGES = [ROOT / "robusthash", *sorted((ROOT / "plugins").glob("robusthash-*/robusthash_*"))]
MODULES = [
    ".".join(path.relative_to(package.parent).with_suffix("").parts)
    for package in _PACKAGES
    for path in sorted(package.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0
    assert found.failed == 0
