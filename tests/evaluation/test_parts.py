"""Runs that are split into parts, and merged: the records of one run, or what is missing; never something else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from robusthash.epsilon import Radius
from robusthash.errors import InputError, OptionError
from robusthash.evaluation import (
    Part,
    Processes,
    Request,
    RunSettings,
    VictimPlan,
    evaluate,
    evaluate_part,
    merge,
    parse_part,
)
from robusthash.evaluation.merging.outcome import commands
from robusthash.evaluation.planning.part import dealt
from robusthash.evaluation.planning.plan import Cell
from robusthash.files.arrays import read_arrays, write_arrays
from robusthash.host import PluginHost
from robusthash.results import ResultStore
from robusthash.testing import Reversed
from tests.evaluation.test_side_by_side import killing_a_worker

LINEAR = """
import torch

def build(bits):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, bits))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module", autouse=True)
def own_cache(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTHASH_CACHE", str(folder / "cache"))
        yield


@pytest.fixture(scope="module")
def asked(folder: Path) -> Request:
    """Five cells of three shards: white-box, targeted, an attack that learns."""
    (folder / "linear.py").write_text(LINEAR)
    steps = {"rnm": {"steps": "2"}, "tha": {"steps": "2", "fit_steps": "3"}, "hinge-p2s": {"steps": "2"}}
    return Request(
        models=(f"{folder / 'linear.py'}:build",),
        bits=(8,),
        attacks=("rnm", "tha", "hinge-p2s", "strongest"),
        setting=RunSettings(
            dataset="digits",
            device="cpu",
            queries=7,
            shard_size=3,
            qualities=(80,),
            options={**steps, "strongest": {"members": "rnm", "restarts": "1"}},
        ),
    )


@pytest.fixture(scope="module")
def whole(asked: Request, host: PluginHost, folder: Path) -> Path:
    """The results of one run."""
    assert len(evaluate(asked, host, results=folder / "whole").records) == 5
    return folder / "whole"


@pytest.fixture(scope="module")
def split(asked: Request, host: PluginHost, folder: Path) -> list[Path]:
    """The folders of four parts, each evaluated on its own."""
    parts = [folder / f"part-{index}" for index in range(1, 5)]
    for index, results in enumerate(parts, start=1):
        _, merged = evaluate_part(asked, host, Part(index=index, of=4), results=results, command="eval --shard {part}")
        assert merged.records == ()
        assert len(merged.missing) == 5
    return parts


def contents(results: Path) -> dict[str, object]:
    """Everything in a results folder, records without their times."""
    found: dict[str, object] = {}
    for path in sorted(results.rglob("*")):
        if path.suffix == ".json":
            found[str(path.relative_to(results))] = ResultStore(results).locate(str(path)).reproducible()
        elif path.is_file():
            found[str(path.relative_to(results))] = path.read_bytes()
    return found


def with_attacks(asked: Request, *attacks: str) -> Request:
    """The same request of other attacks, and of their options alone."""
    options = {name: values for name, values in asked.setting.options.items() if name in attacks}
    return replace(asked, attacks=attacks, setting=replace(asked.setting, options=options))


# --- the same bytes ---------------------------------------------------------------------------------------------------


def test_four_parts_merged_are_one_run_byte_for_byte(
    whole: Path, split: list[Path], host: PluginHost, tmp_path: Path
) -> None:
    before = [contents(part) for part in split if not list(part.rglob("*.json"))]
    merged = merge(split, host, results=tmp_path / "merged")
    assert (len(merged.records), len(merged.new), merged.missing) == (5, 5, ())
    assert contents(tmp_path / "merged") == contents(whole)
    assert [contents(part) for part in split if not list(part.rglob("*.json"))] == before
    again = merge(split, host, results=tmp_path / "merged")
    assert (len(again.records), again.new, again.missing) == (5, frozenset(), ())
    assert contents(tmp_path / "merged") == contents(whole)


def test_merging_takes_neither_model_nor_data_nor_torch_training(split: list[Path], tmp_path: Path) -> None:
    """Another process, without the file of the model, with an empty cache."""
    moved = [shutil.copytree(part, tmp_path / part.name) for part in split]
    script = (
        "import sys; from pathlib import Path; from robusthash.host import PluginHost; "
        "from robusthash.evaluation import merge; import robusthash.evaluation.victims.making as making; "
        "making.undefended = None; "
        "print(len(merge([Path(one) for one in sys.argv[2:]], PluginHost.load(), results=Path(sys.argv[1])).new))"
    )
    environment = {**os.environ, "ROBUSTHASH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", script, str(tmp_path / "merged"), *map(str, moved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.stdout == "5\n", done.stderr
    assert not (tmp_path / "cache").exists()


def test_parts_on_one_folder_are_merged_by_the_last(
    asked: Request, whole: Path, host: PluginHost, tmp_path: Path
) -> None:
    told = []
    for index in (2, 3, 1):
        outcome, merged = evaluate_part(
            asked, host, Part(index=index, of=3), results=tmp_path / "r", executor=Reversed()
        )
        told.append((len(outcome.records), len(merged.missing)))
    assert told[-1] == (5, 0)
    assert told[0] == (0, 5)
    assert contents(tmp_path / "r") == contents(whole)
    outcome, merged = evaluate_part(asked, host, Part(index=2, of=3), results=tmp_path / "r")
    assert (len(outcome.failures), merged.missing) == (0, ())
    assert contents(tmp_path / "r") == contents(whole)


@pytest.mark.slow
def test_a_part_with_workers_of_which_one_is_killed(
    asked: Request, whole: Path, host: PluginHost, tmp_path: Path
) -> None:
    place, progress = Processes(workers=1), killing_a_worker()
    outcome, _ = evaluate_part(
        asked, host, Part(index=1, of=2), results=tmp_path / "r", executor=place, progress=progress
    )
    assert outcome.failures == []
    evaluate_part(asked, host, Part(index=2, of=2), results=tmp_path / "r")
    assert contents(tmp_path / "r") == contents(whole)


def test_a_whole_run_takes_up_what_parts_have_left(
    asked: Request, whole: Path, host: PluginHost, tmp_path: Path
) -> None:
    evaluate_part(asked, host, Part(index=1, of=2), results=tmp_path / "r")
    evaluate(asked, host, results=tmp_path / "r")
    assert contents(tmp_path / "r") == contents(whole)


@pytest.mark.parametrize("runs", [("some", "1/2", "2/2"), ("1/2", "some", "2/2"), ("1/2", "some", "rest")])
def test_parts_and_whole_runs_on_one_folder_leave_nothing_behind(
    runs: tuple[str, ...], asked: Request, whole: Path, host: PluginHost, tmp_path: Path
) -> None:
    """Whole runs of fewer cells than the parts are of: before, between and after them."""
    few = {"some": ("rnm", "strongest"), "rest": ("tha", "hinge-p2s")}
    for one in runs:
        if one in few:
            assert not evaluate(with_attacks(asked, *few[one]), host, results=tmp_path / "r").failures
        else:
            _, merged = evaluate_part(asked, host, parse_part(one), results=tmp_path / "r")
    assert "rest" in runs or merged.missing == ()
    assert contents(tmp_path / "r") == contents(whole)


def test_a_part_whose_cells_are_all_stored_is_run_again_if_they_seem_missing(
    asked: Request, host: PluginHost, tmp_path: Path
) -> None:
    """A cell of one shard belongs to one part alone: no other part knows that it is stored."""
    one = with_attacks(replace(asked, setting=replace(asked.setting, shard_size=7)), "rnm")
    assert evaluate(with_attacks(one, "noise"), host, results=tmp_path / "r").records
    for part, missing in (("1/2", 0), ("2/2", 1), ("1/2", 0)):
        _, merged = evaluate_part(one, host, parse_part(part), results=tmp_path / "r")
        assert len(merged.missing) == missing
    assert not (tmp_path / "r" / ".shards").exists()


def test_a_kill_between_two_removals_leaves_nothing_for_ever(
    whole: Path, split: list[Path], host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in split:
        shutil.copytree(part, tmp_path / "r", dirs_exist_ok=True)
    remove = shutil.rmtree
    removed: list[Path] = []

    def removes_two(folder: Path, *, ignore_errors: bool) -> None:
        if len(removed) == 2:
            raise KeyboardInterrupt
        removed.append(folder)
        remove(folder, ignore_errors=ignore_errors)

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", removes_two)
        with pytest.raises(KeyboardInterrupt):
            merge([], host, results=tmp_path / "r")
    assert merge([], host, results=tmp_path / "r").missing == ()
    assert contents(tmp_path / "r") == contents(whole)


# --- what is missing --------------------------------------------------------------------------------------------------


def test_what_is_missing_is_told_kept_and_added_later(
    whole: Path, split: list[Path], host: PluginHost, tmp_path: Path
) -> None:
    merged = merge([*split[:2], split[3]], host, results=tmp_path / "merged")
    assert merged.missing
    assert {part for one in merged.missing for part in one.parts} == {3}
    assert list(commands(merged.missing)) == ["eval --shard 3/4"]
    assert {str(one).rpartition(": ")[2].split(" ")[0] for one in merged.missing} <= {"shard", "shards", "the"}
    later = merge([split[2]], host, results=tmp_path / "merged")
    assert later.missing == ()
    assert contents(tmp_path / "merged") == contents(whole)


def test_a_cell_that_nobody_has_begun_is_told(asked: Request, host: PluginHost, tmp_path: Path) -> None:
    one = replace(asked, setting=replace(asked.setting, shard_size=7))
    _, merged = evaluate_part(one, host, Part(index=2, of=5), results=tmp_path / "r")
    assert sorted(len(each.parts) for each in merged.missing) == [0, 1, 1, 1, 1]
    waiting = next(each for each in merged.missing if not each.parts)
    assert "the record of the reference attack" in str(waiting)
    assert sum(each.all for each in merged.missing) == 4
    assert list(commands(merged.missing)) == [f"the same evaluation with --shard {part}/5" for part in (1, 3, 4, 5)]


def test_a_part_without_shards_does_nothing(asked: Request, host: PluginHost, tmp_path: Path) -> None:
    outcome, merged = evaluate_part(asked, host, Part(index=99, of=99), results=tmp_path / "r")
    assert (outcome.records, outcome.failures, merged.missing) == ([], [], ())
    assert not (tmp_path / "r").exists()


# --- what differs -----------------------------------------------------------------------------------------------------


def copied(split: list[Path], into: Path) -> list[Path]:
    return [shutil.copytree(part, into / part.name) for part in split]


def test_overlaps_that_are_the_same_are_merged(
    split: list[Path], whole: Path, host: PluginHost, tmp_path: Path
) -> None:
    again = shutil.copytree(split[0], tmp_path / "again")
    merge([*split, again, split[1]], host, results=tmp_path / "merged")
    assert contents(tmp_path / "merged") == contents(whole)


def test_a_shard_that_differs_is_refused_and_nothing_is_written(
    split: list[Path], host: PluginHost, tmp_path: Path
) -> None:
    again = shutil.copytree(split[0], tmp_path / "again")
    shard = sorted(again.glob(".shards/*/0*.npz"))[0]
    arrays = read_arrays(shard)
    write_arrays(shard, {**arrays, "linf": arrays["linf"] + 1e-9})
    with pytest.raises(InputError, match=r"shard \d of .* is not the same in .*part-1.* and .*again") as refused:
        merge([*split, again], host, results=tmp_path / "merged")
    assert str(shard) in refused.value.message
    assert not (tmp_path / "merged").exists()


def test_a_shard_that_is_not_its_records_is_refused(
    split: list[Path], whole: Path, host: PluginHost, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "merged")
    again = shutil.copytree(split[0], tmp_path / "again")
    shard = sorted(again.glob(".shards/*/0*.npz"))[0]
    arrays = read_arrays(shard)
    write_arrays(shard, {**arrays, "adversarial": arrays["adversarial"] ^ 1})
    with pytest.raises(InputError, match=r"is not the same in .*again.* and in .*merged"):
        merge([again], host, results=tmp_path / "merged")
    assert contents(tmp_path / "merged") == contents(whole)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda record: record["environment"].update(threads="64"), r"environment \(threads: 1 and 64\)"),
        (lambda record: record["probe"].update(made_up=1.0), "probe"),
        (lambda record: record["origins"].update(learnt={"tha": "0" * 64}), "origins"),
    ],
)
def test_other_conditions_are_refused(
    change: object, told: str, split: list[Path], host: PluginHost, tmp_path: Path
) -> None:
    again = copied(split[:2], tmp_path)
    for file in again[1].glob(".shards/*/cell.json"):
        content = json.loads(file.read_text())
        change(content["record"])  # type: ignore[operator]
        file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=told):
        merge(again, host, results=tmp_path / "merged")


def test_other_versions_are_another_cell_and_told(split: list[Path], host: PluginHost, tmp_path: Path) -> None:
    from robusthash.files.storage import digest
    from robusthash.results.records.flat import identity

    again = copied(split, tmp_path)
    for file in again[1].glob(".shards/*/cell.json"):
        content = json.loads(file.read_text())
        record = content["record"]
        record["versions"]["torch"] = "1.0"
        record["digest"] = digest(identity(record))
        file.write_text(json.dumps(content))
        file.parent.rename(file.parent.with_name(record["digest"][:32]))
    merged = merge(again, host, results=tmp_path / "merged")
    assert merged.records == ()
    assert any("is another, with other versions" in one.note for one in merged.missing)


def test_records_of_one_digest_that_differ_are_refused(whole: Path, host: PluginHost, tmp_path: Path) -> None:
    other = shutil.copytree(whole, tmp_path / "other")
    file = next(path for path in other.rglob("rnm-*.json"))
    content = json.loads(file.read_text())
    content["probe"]["made_up"] = 1.0
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"the record is not the same in .*rnm-.*: probe"):
        merge([whole, other], host, results=tmp_path / "merged")


@pytest.mark.parametrize("broken", ["{", '{"schema": 99}', "null", '{"schema": 1, "record": {}}'])
def test_an_outline_that_is_broken_is_named(broken: str, split: list[Path], host: PluginHost, tmp_path: Path) -> None:
    (again,) = copied(split[:1], tmp_path)
    file = next(again.glob(".shards/*/cell.json"))
    file.write_text(broken)
    with pytest.raises(InputError, match=r"cell\.json is not"):
        merge([again], host, results=tmp_path / "merged")


def test_a_broken_shard_is_named_and_kept(split: list[Path], host: PluginHost, tmp_path: Path) -> None:
    again = copied(split, tmp_path)
    file = next(again[2].glob(".shards/*/0*.npz"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=str(file)):
        merge(again, host, results=tmp_path / "merged")
    assert file.exists()


def test_parts_made_in_one_folder_under_other_conditions_fail(asked: Request, host: PluginHost, tmp_path: Path) -> None:
    evaluate_part(asked, host, Part(index=1, of=2), results=tmp_path / "r")
    for file in (tmp_path / "r").glob(".shards/*/cell.json"):
        content = json.loads(file.read_text())
        content["record"]["environment"]["threads"] = "64"
        file.write_text(json.dumps(content))
    outcome, _ = evaluate_part(asked, host, Part(index=2, of=2), results=tmp_path / "r")
    assert len(outcome.failures) == 5
    assert "threads: 64 and " in outcome.failures[0].error.message


def test_what_cannot_be_merged_is_refused(host: PluginHost, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere is not a folder"):
        merge([tmp_path / "nowhere"], host, results=tmp_path / "merged")


# --- how shards are dealt ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 3, 8])
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 30])
def test_each_shard_is_dealt_once_and_every_attack_evenly(shards: int, parts: int) -> None:
    victims = [VictimPlan(model=name, bits=8) for name in ("a", "b", "c", "d")]
    radius = Radius(size=0.1)
    cells = [Cell(victim=victim, attack=attack, radius=radius) for victim in victims for attack in ("noise", "rnm")]
    shares = [Part(index=index + 1, of=parts).shards(cells, shards) for index in range(parts)]
    every = sorted((place, shard) for share in shares for place, ones in share.items() for shard in ones)
    assert every == [(place, shard) for place in range(8) for shard in range(shards)]
    for attack in ("noise", "rnm"):
        mine = [sum(len(ones) for place, ones in share.items() if cells[place].attack == attack) for share in shares]
        assert max(mine) - min(mine) <= 1
    assert dealt(cells, shards, parts) == dealt(cells, shards, parts)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "0/0", "1", "a/b", "-1/4", "1/4/2", "", "1/99999999999"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        parse_part(text)


def test_a_part_is_read_as_it_is_written() -> None:
    assert parse_part(" 2 / 4 ") == Part(index=2, of=4)
    assert str(Part(index=2, of=4)) == "2/4"
    with pytest.raises(OptionError, match="counted from 1"):
        parse_part("0/4")
    with pytest.raises(OptionError, match="force evaluates whole cells"):
        parse_part("2/4", force=True)
