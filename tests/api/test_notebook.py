"""The notebook runs as it is, in a kernel, and shows tables."""

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"

# Long enough for bars, which come after half a second, and workers, whose class is here.
_LONG = """
import time
from robusthash.api.surroundings import reporting

with reporting(progress=None) as report:
    for done in range(8):
        report(done, 8, "training")
        time.sleep(0.2)
"""


def executed(notebook: Any, folder: Path) -> list[Any]:
    """The code cells of a notebook after a run of it in a folder."""
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return [cell for cell in client.execute().cells if cell.cell_type == "code"]


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_stored_without_outputs() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)


@pytest.mark.slow
def test_it_runs_and_shows_tables(tmp_path: Path) -> None:
    cells = executed(read(), tmp_path)
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type in {"error", "stream"}]
    bars = [output for output in outputs if output.output_type == "display_data"]
    assert all(dict(bar.data) == {"text/plain": "", "text/html": ""} for bar in bars)
    results = {cell.source: cell.outputs[-1].data for cell in cells if cell.outputs}
    assert "20 inputs" in results[next(source for source in results if source.endswith("outcome"))]["text/plain"]
    board = results["out.leaderboard()"]
    assert all(f">{name}<" in board["text/html"] for name in ("mine 32 bit", "rnm", "hag", "noise"))
    assert "random codes" in board["text/plain"]
    frame = next(data for source, data in results.items() if "to_frame" in source)
    assert "<td>hag</td>" in frame["text/html"]
    assert ">rnm<" in results[cells[-1].source]["text/html"]
    assert ">hag<" not in results[cells[-1].source]["text/html"]


@pytest.mark.slow
def test_progress_is_one_output_that_is_empty_in_the_end(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_LONG)])
    (cell,) = executed(notebook, tmp_path)
    (shown,) = cell.outputs
    assert shown.output_type == "display_data"
    assert dict(shown.data) == {"text/plain": "", "text/html": ""}
