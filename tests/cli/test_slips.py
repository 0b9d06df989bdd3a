"""A results folder at the wrong place is told its place, by every command that reads one."""

from pathlib import Path

import pytest

from robusthash.cli import run

OPTION, ARGUMENT = "the results folder is an option: --results ", "the results folder is an argument: robusthash "


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["leaderboard", "results"], f"{OPTION}results"),
        (["leaderboard", "my folder"], f"{OPTION}'my folder'"),
        (["eval", "my folder"], f"{OPTION}'my folder'"),
        (["rescore", "my folder"], f"{OPTION}'my folder'"),
        (["curve", "my folder", "--over", "epsilon"], f"{OPTION}'my folder'"),
        (["show", "12ab", "my folder"], f"{OPTION}'my folder'"),
        (["compare", "12ab", "34cd", "my folder"], f"{OPTION}'my folder'"),
        (["gate", "--results", "my folder"], f"{ARGUMENT}gate FOLDER"),
        (["leaderboard", "nowhere"], "robusthash leaderboard --help"),
        (["leaderboard", "results", "my folder"], "robusthash leaderboard --help"),
        (["plugins", "list", "my folder"], "robusthash plugins list --help"),
        (["gate", "--reslts", "my folder"], "robusthash gate --help"),
    ],
    ids=" ".join,
)
def test_a_folder_at_the_wrong_place_is_told_its_own(
    arguments: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"hint: {hint}"
