"""The workflow that checks submissions, run as it stands on a repository with a pull request."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.test_action import SUBMISSIONS, load

PAGE = SUBMISSIONS.parents[1] / "public-leaderboard.md"
STUB = '#!/bin/sh\nprintf "%s\\n" "$@" > "$RUNNER_TEMP/called"\nexit 3\n'


class Repository:
    """A repository with one submission, and a pull request merged into it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "work"
        self.place = folder / "temp"
        binaries = folder / "bin"
        for one in (self.root / "submissions" / "jones", self.place, binaries):
            one.mkdir(parents=True)
        (binaries / "robusthash").write_text(STUB)
        (binaries / "robusthash").chmod(0o755)
        self._environment = {
            **os.environ,
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.place),
            **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        (self.root / "submissions" / "jones" / "submission.toml").write_text("who = 'Jones'\n")
        (self.root / "README.md").write_text("A leaderboard.\n")
        self.run("git init -q -b main . && git add -A && git commit -q -m base")

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs a script as GitHub does with ``shell: bash``."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=self.root,
            env=self._environment,
            capture_output=True,
            text=True,
        )

    def checked(self, change: str) -> tuple[int, list[str]]:
        """Commits a change, runs the steps until one fails, and tells the check's arguments."""
        made = self.run(f"{change} && git add -A && git commit -q -m change")
        assert made.returncode == 0, made.stderr
        code = 0
        for step in load(SUBMISSIONS)["jobs"]["check"]["steps"]:
            if "run" in step and "pip" not in step["run"]:
                assert step["shell"] == "bash"
                assert "${{" not in step["run"]
                code = code or self.run(step["run"]).returncode
        called = self.place / "called"
        return code, called.read_text().splitlines() if called.exists() else []


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_what_is_added_is_checked(repository: Repository) -> None:
    code, called = repository.checked("mkdir -p submissions/smith/a && touch submissions/smith/a/b.json")
    assert code == 123  # xargs: the check refused
    board = str(repository.place / "board" / "submissions")
    words = ["--strict-plugins", "submission", "check", "--board", board, "--reproduce", "32", "--quiet"]
    assert called == [*words, "submissions/smith"]


def test_several_are_checked_together(repository: Repository) -> None:
    change = "mkdir submissions/b submissions/a && touch submissions/a/x submissions/a/y submissions/b/x"
    assert repository.checked(change)[1][-2:] == ["submissions/a", "submissions/b"]


@pytest.mark.parametrize(
    "change",
    [
        "echo who > submissions/jones/submission.toml",
        "touch submissions/jones/more.json",
        "git rm -q submissions/jones/submission.toml",
        "touch submissions/file",
        "mkdir submissions/a && touch submissions/a/x && echo x > README.md",
        "mkdir submissions/a && touch submissions/a/x pyproject.toml",
        "mkdir submissions/-a && touch submissions/-a/x",
        "mkdir 'submissions/$(touch hacked)' && touch 'submissions/$(touch hacked)/x'",
        'mkdir "submissions/a\nb" && touch "submissions/a\nb/x"',
        "git mv submissions/jones submissions/smith",
        "ln -s /etc submissions/smith",
    ],
)
def test_nothing_else_may_change(repository: Repository, change: str) -> None:
    code, called = repository.checked(change)
    assert code == 1
    assert called == []
    assert not (repository.root / "hacked").exists()


def test_the_page_shows_the_workflow() -> None:
    assert SUBMISSIONS.read_text(encoding="utf-8") in PAGE.read_text(encoding="utf-8")
