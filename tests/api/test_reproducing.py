"""Records of objects are made again with the same objects, and asked for without."""

from pathlib import Path

import pytest

import robusthash as rh
from robusthash.errors import InputError, UsageError
from robusthash.testing.victims import SIDE, LinearVictim

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture(scope="module")
def results(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    rh.evaluate(LinearVictim(), rh.attack("hinge", steps=4), queries=6, image_size=SIDE, results=folder)
    return folder


def test_a_record_of_objects(results: Path) -> None:
    record = next(one for one in rh.load_results(results) if one.attack.name == "hinge")
    again = rh.reproduce(record, results=results, model=LinearVictim())
    assert (again.verdict, again.first) == ("same", "")
    other = rh.reproduce(record, results=results, model=LinearVictim(seed=1))
    assert other.verdict == "different"
    assert other.first.startswith("weights of the victim")
    alone = rh.reproduce(record, model=LinearVictim())  # its numbers are all that there is
    assert alone.verdict == "same"
    assert {part.what for part in alone.compared if not part.of} == {"stored numbers", "database", "inputs", "codes"}


def test_what_is_missing_is_asked_for(results: Path) -> None:
    record = next(iter(rh.load_results(results)))
    missing = rh.reproduce(record, results=results)
    assert missing.verdict == "failed"
    assert isinstance(missing.error, InputError)
    assert "model=" in str(missing.error)


def test_wrong_arguments() -> None:
    with pytest.raises(UsageError, match="queries"):
        rh.reproduce("abcd", queries=0)
    with pytest.raises(UsageError, match="record"):
        rh.reproduce(3)  # type: ignore[arg-type]
