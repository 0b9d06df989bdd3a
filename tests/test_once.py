"""Files of the cache: made by one process while others wait, and left clean by whoever comes after a kill."""

import subprocess
import sys
from pathlib import Path

import pytest

from robusthash.files.once import made_once, unfinished

#: Makes a file slowly, and says whether it made it.
MAKE = """
import sys, time
from pathlib import Path
from robusthash.files.once import made_once
path = Path(sys.argv[1])
def make():
    time.sleep(0.5)
    path.write_text("made")
    return "made"
print(made_once(path, path.read_text, make))
"""


def never() -> str:
    raise AssertionError("it is made, although it is there")


def test_one_process_makes_it_and_the_others_use_it(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "a.safetensors"
    command = [sys.executable, "-c", MAKE, str(path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = sorted(process.communicate()[0].strip() for process in processes)
    assert told == ["('made', False)", "('made', True)", "('made', True)"]
    assert list(path.parent.iterdir()) == [path]


def test_what_a_kill_between_storing_and_removing_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("made")
    for left in (path.with_suffix(".lock"), unfinished(path), tmp_path / "a.partial.part"):
        left.touch()
    assert made_once(path, path.read_text, never) == ("made", True)
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_used_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("broken")
    assert made_once(path, lambda: None, lambda: "new") == ("new", False)


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="it is made"):
        made_once(tmp_path / "cache" / "a.safetensors", lambda: None, never)
    assert list(tmp_path.iterdir()) == []
