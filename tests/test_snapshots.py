"""Snapshots: they come back as stored, belong to one piece of work, and are replaced whole or not at all."""

from pathlib import Path

import pytest
import torch

import robusthash.files.snapshots
from robusthash.errors import CheckpointError, StorageError
from robusthash.files.snapshots import Snapshots


def test_a_snapshot_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "work.partial"
    snapshots = Snapshots(path, "work")
    assert snapshots.load() is None
    weight = torch.randn(3, 2).T  # not contiguous
    snapshots.save({"a.weight": weight, "a.steps": torch.tensor(7)}, {"epochs": 2, "losses": (0.5, 1 / 3)})
    found = Snapshots(path, "work").load()
    assert found is not None
    assert torch.equal(found.tensors["a.weight"], weight)
    assert int(found.tensors["a.steps"]) == 7
    assert found.about == {"epochs": 2, "losses": [0.5, 1 / 3]}
    snapshots.save({"b": torch.zeros(1)})
    later = snapshots.load()
    assert later is not None
    assert (list(later.tensors), later.about) == (["b"], {})
    assert [file.name for file in path.parent.iterdir()] == ["work.partial"]


def test_the_snapshot_of_other_work_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "work.partial"
    Snapshots(path, "work").save({"a": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"work\.partial is a snapshot of other work.*remove it"):
        Snapshots(path, "other work").load()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated"),
        (b"\x80\x02}q\x00.", "is a pickle"),
        (b"PK\x03\x04 and so on, a zip file", "is a pickle"),
        (b"not a snapshot at all", "truncated"),
    ],
)
def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "work.partial"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        Snapshots(path, "work").load()


def test_plain_safetensors_and_damaged_snapshots_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "work.partial"
    robusthash.files.snapshots.save_tensors(path, {"a": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="not a snapshot"):
        Snapshots(path, "work").load()
    robusthash.files.snapshots.save_tensors(path, {"a": torch.zeros(1)}, metadata={"robusthash-partial": '["work"]'})
    with pytest.raises(CheckpointError, match="not a snapshot"):
        Snapshots(path, "work").load()
    Snapshots(path, "work").save({"a": torch.zeros(1)})
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(CheckpointError, match="truncated"):
        Snapshots(path, "work").load()


def test_one_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "work.partial"
    snapshots = Snapshots(path, "work")
    snapshots.save({"a": torch.zeros(1)})

    def full(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="no space left"):
        snapshots.save({"a": torch.ones(1)})
    found = snapshots.load()
    assert found is not None
    assert float(found.tensors["a"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["work.partial"]


def test_the_next_is_due_when_its_time_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("robusthash.files.snapshots.time.monotonic", lambda: clock[0])
    snapshots = Snapshots(tmp_path / "work.partial", "work", seconds=60)
    assert not snapshots.due
    clock[0] = 160.0
    assert snapshots.due
    snapshots.save({})
    assert not snapshots.due
    assert Snapshots(tmp_path / "work.partial", "work", seconds=0).due


def test_without_a_path_nothing_is_kept_or_due() -> None:
    nowhere = Snapshots(None, "work", seconds=0)
    nowhere.save({"a": torch.zeros(1)})
    assert nowhere.load() is None
    assert not nowhere.due
    assert not nowhere.part("one").due
    nowhere.remove()


def test_parts_have_files_of_their_own_and_go_with_the_whole(tmp_path: Path) -> None:
    whole = Snapshots(tmp_path / "work[1].partial", "work", seconds=3)
    whole.remove()
    for number, snapshots in enumerate((whole, whole.part("first"), whole.part("second"))):
        snapshots.save({"a": torch.tensor(number)})
    (tmp_path / "work[1].safetensors").touch()
    assert len(list(tmp_path.iterdir())) == 4
    found = whole.part("second").load()
    assert found is not None
    assert int(found.tensors["a"]) == 2
    assert whole.part("first").seconds == 3
    with pytest.raises(CheckpointError, match="other work"):  # a part is of one whole
        Snapshots(tmp_path / "work[1].partial", "another").part("first").load()
    whole.remove()
    assert [file.name for file in tmp_path.iterdir()] == ["work[1].safetensors"]
