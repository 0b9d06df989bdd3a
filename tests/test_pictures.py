"""The commands in an emulated terminal, and the pictures of it in the documentation."""

import importlib.util
import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("pyte", reason="pyte is not installed")

from robusthash.results import QueryArrays, ResultStore, ScoreKey
from robusthash.testing.records import make_record

DOCS = Path(__file__).parents[1] / "docs"
_TEXT = re.compile(r'<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>')
TITLES = ("leaderboard", "show", "compare", "training")


@pytest.fixture(scope="module")
def picture() -> ModuleType:
    """The script that takes the pictures."""
    spec = importlib.util.spec_from_file_location("docs_picture", DOCS / "picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    for attack in ("noise", "rnm", "hinge-center steps"):
        record = make_record(attack=attack, model="dpsh/prosgan")
        ResultStore(folder / "results").save(record, QueryArrays(scores={ScoreKey("clean", "map"): [0.0]}))  # type: ignore[dict-item]
    return folder


def lines_of(picture: Path) -> list[str]:
    """The lines of text in a picture."""
    found: dict[float, dict[float, str]] = {}
    for x, y, text in re.findall(
        r'<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', picture.read_text()
    ):
        found.setdefault(float(y), {})[float(x)] = unescape(text).replace("\N{NO-BREAK SPACE}", " ")
    return ["".join(text for _, text in sorted(parts.items())).rstrip() for _, parts in sorted(found.items())]


def words(lines: Sequence[str]) -> set[str]:
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_terminal_shows_whole_names_and_says_what_it_omits(picture: ModuleType, folder: Path, width: int) -> None:
    shown = picture.screen(("leaderboard",), width, folder, {}).text
    everything = picture.screen(("leaderboard",), width, folder, {"COLUMNS": "0"})
    assert {"dpsh/prosgan", "noise", "rnm", "hinge-center", "MAP"} <= words(shown)
    assert any("not shown in" in line for line in shown) == (width < 80)
    assert not any("not shown in" in line for line in everything.text)
    assert "PSNR" in " ".join(everything.text)


@pytest.mark.parametrize("title", TITLES)
def test_a_picture_of_each_width_is_as_the_command_shows_it(picture: ModuleType, title: str) -> None:
    page = (DOCS / "terminal.md").read_text(encoding="utf-8")
    for width in picture.WIDTHS:
        lines = lines_of(DOCS / "screens" / f"{title}-{width}.svg")
        assert max(map(len, lines)) <= width + len(title) + 60  # the first is the title of the window
        text = "\n".join(lines)
        if title == "training":
            assert re.search(r"━─+ +\d+/480, \d+ s left  epoch 16/30, loss 0\.\d", text)
            assert text.count("━─") == 1  # one bar, however often its text has changed
        else:
            narrowed = f"not shown in {width} columns: "
            assert (narrowed in text.replace("\n", " ")) == (width < 80)
    assert f"screens/{title}-" in page
