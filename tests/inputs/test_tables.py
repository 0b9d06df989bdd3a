"""The tables themselves: how much they hold, that no row is there twice, and that light errors need no torch."""

import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LEAST = 700
_LIGHT = {"leaderboard", "curve", "show", "plugins"}  #: commands that never need torch
_PARSED = "test_numbers"  #: errors of the command line's own types


@cache
def _tables() -> dict[str, Any]:
    found = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path != Path(__file__):
            spec = importlib.util.spec_from_file_location(f"table_{path.stem}", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            found[path.stem] = module
    return found


def _rows() -> dict[str, Any]:
    return {
        f"{table} {name}": row
        for table, module in _tables().items()
        for part in ("ROWS", "OTHERS")
        for name, row in getattr(module, part, {}).items()
    }


def test_the_tables_hold_seven_hundred_different_bad_inputs() -> None:
    different = {repr(row) for row in _rows().values()}
    assert len(different) >= LEAST


def test_light_errors_import_no_torch() -> None:
    whole = [row[0] for row in _tables()[_PARSED].WHOLE_ROWS.values()]
    names = [
        row for row in _tables()["test_names"].ROWS.values() if row[0] in _LIGHT and row[:2] != ["plugins", "show"]
    ]
    program = (
        "import json, sys\n"
        "from robusthash.cli import run\n"
        "for row in json.load(sys.stdin):\n"
        "    assert run(row) == 2, row\n"
        "    assert not {'torch', 'numpy', 'faiss'} & set(sys.modules), row\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(whole + names), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-1000:]
