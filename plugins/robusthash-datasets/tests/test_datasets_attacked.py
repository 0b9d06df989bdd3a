"""DHTA's lists: their own names and places, and the queries that the paper attacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from robusthash.contracts import DatasetContext
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash_datasets.literature import ImageNet100Dhta

QUERIES = [f"ILSVRC2012/val/n0/q{i}.JPEG" for i in range(6)]
OTHERS = [f"ILSVRC2012/train/n{i % 2}/d{i}.JPEG" for i in range(4)]
HOME = Path("imagenet/dhta")


@dataclass(frozen=True, kw_only=True)
class Small(ImageNet100Dhta):
    known: ClassVar[Mapping[str, int]] = {"query": 6, "train": 2, "classes": 2, "attacked": 3}
    released: ClassVar[Mapping[str, str]] = {}

    size: int = 16
    resize: int | None = 20


@pytest.fixture
def given(tree: Any) -> DatasetContext:
    (tree.root / HOME).mkdir(parents=True)
    tree.pictures([f"imagenet/{name}" for name in QUERIES + OTHERS])
    rows = [(path, "1 0" if "/n0/" in path else "0 1") for path in QUERIES + OTHERS]
    for stem, part in (("query", rows[:6]), ("database", rows[6:]), ("train", rows[6:8])):
        tree.columns(str(HOME / stem), part)
    return DatasetContext(root=tree.root, cache=tree.root / "cache")


def numbers(given: DatasetContext, *lines: str) -> Path:
    assert given.root is not None
    file = given.root / HOME / "attack_query_index.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_all_queries_or_those_that_are_attacked_in_their_order(given: DatasetContext) -> None:
    whole = Small().load(given)
    assert whole.query.ids == tuple(QUERIES)
    numbers(given, "5.000000000000000000e+00", "0.000000000000000000e+00", "2.000000000000000000e+00")
    part = Small(queries="attacked").load(given)
    assert part.query.ids == (QUERIES[5], QUERIES[0], QUERIES[2])
    assert part.query.images.read([0]).equal(whole.query.images.read([5]))
    assert part.name == "imagenet100/dhta-attacked"
    assert part.database.digest == whole.database.digest
    assert part.query.digest != whole.query.digest
    assert Small(queries="attacked", skip_broken=True).load(given).name == "imagenet100/dhta-attacked"
    assert not [finding for finding in verify(Small(queries="attacked"), given)[0] if finding.level == "error"]


def test_a_line_that_is_left_out_does_not_shift_the_others(given: DatasetContext) -> None:
    assert given.root is not None
    file = given.root / HOME / "query.txt"
    lines = file.read_text().splitlines()
    lines[1] = lines[1].replace(" 1 0", " 1 7")
    file.write_text("\n".join(lines))
    numbers(given, "5", "1", "2")
    part = Small(queries="attacked", skip_broken=True).load(given)
    assert part.query.ids == (QUERIES[5], QUERIES[2])
    assert part.name == "imagenet100/dhta-attacked-part"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("1", "x"), r"attack_query_index\.txt:2: 'x' is not a number"),
        (("1", "0.5"), r"attack_query_index\.txt:2: 0\.5 is not a query number"),
        (("1", "-1"), r"attack_query_index\.txt:2: -1 is not a query number"),
        (("1", "2", "1"), r"attack_query_index\.txt:3: query 1 is already on line 1"),
        (("1", "6"), r"attack_query_index\.txt: no query 6; .*query\.txt has 6"),
        ((), r"attack_query_index\.txt is empty"),
    ],
)
def test_wrong_numbers_are_told(given: DatasetContext, lines: tuple[str, ...], told: str) -> None:
    numbers(given, *lines)
    with pytest.raises(DatasetError, match=told):
        Small(queries="attacked").load(given)


def test_missing_numbers_are_asked_for(given: DatasetContext) -> None:
    with pytest.raises(DatasetError, match=r"no .*attack_query_index\.txt") as caught:
        Small(queries="attacked").load(given)
    assert "reproduce/attack_query_index.txt" in str(caught.value.hint)


def test_published_counts_are_compared(given: DatasetContext) -> None:
    numbers(given, "1", "2")
    whats = [finding.what for finding in verify(Small(queries="attacked"), given)[0] if finding.level == "error"]
    assert whats == ["2 queries, published: 3"]
