"""The page on the Python API: every block runs, and every name is on it."""

import doctest
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import robusthash as rh
from robusthash import api
from robusthash.api.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_block_runs_and_shows_what_it_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {}
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for match in _BLOCK.finditer(text):
        block, line = match[1], text[: match.start()].count("\n") + 1
        if block.startswith(">>> "):
            example = doctest.DocTestParser().get_doctest(block, namespace, PAGE.name, str(PAGE), line)
            runner.run(example, clear_globs=False, out=told.append)
            namespace.update(example.globs)
        else:
            exec(compile("\n" * line + block, str(PAGE), "exec"), namespace)  # noqa: S102 - the page under test
    assert runner.tries > 20
    assert not runner.failures, "".join(told)


def test_every_name_and_argument_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    functions = (
        rh.wrap,
        rh.evaluate,
        rh.fit,
        rh.train,
        rh.harden,
        rh.hash,
        rh.search,
        rh.reproduce,
        rh.certify,
        rh.load_dataset,
        rh.load_results,
    )
    call = inspect.signature(api.BoundAttack.__call__).parameters
    names = (
        {name for one in functions for name in inspect.signature(one).parameters}
        | set(call)
        | set(Settings.__annotations__)
    )
    names |= set(rh.__all__) - {"__version__", "hookimpl"}
    names -= {"self", "settings", "path", "name"}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", text)) == []
