"""A new plugin distribution: its names, and its files made from the templates of its kind."""

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from robusthash.errors import StorageError, UsageError

_PREFIX = "robusthash-"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PLACE = re.compile(r"@@(\w+?)@@")
_EVAL = "robusthash eval --dataset digits --queries 50"


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What the texts of a kind say.

    Attributes:
        summary: of the plugin object.
        use: the command that shows it on the leaderboard.
    """

    summary: str
    use: str


KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "attack": _Kind(
            summary="Best of a few random corners of the ball, by the victim's answers",
            use=f"{_EVAL} --model dpsh --attack @@name@@",
        ),
        "gradient-attack": _Kind(
            summary="Margin hinge on the logits, away from the query's own code",
            use=f"{_EVAL} --model dpsh --attack @@name@@",
        ),
        "model": _Kind(
            summary="Pairwise loss: codes of similar items agree, others do not",
            use=f"{_EVAL} --model @@name@@ --attack rnm",
        ),
        "backbone": _Kind(
            summary="Three convolutions and a mean over a grid",
            use=f"{_EVAL} --model dpsh --backbone @@name@@ --attack rnm",
        ),
        "defense": _Kind(
            summary="Blurs the inputs, with its true gradient",
            use=f"{_EVAL} --model dpsh --defense @@name@@ --attack rnm",
        ),
        "dataset": _Kind(
            summary="Drawn pictures of four classes: 40 queries, 200 items in the database",
            use="robusthash eval --dataset @@name@@ --model dpsh --attack rnm",
        ),
        "retriever": _Kind(
            summary="Exact search of codes by matrix products",
            use=f"{_EVAL} --model dpsh --attack rnm --retriever @@name@@",
        ),
        "metric": _Kind(
            summary="Recall within a Hamming radius",
            use=f"{_EVAL} --model dpsh --attack rnm --metric map --metric @@name@@@r2",
        ),
        "executor": _Kind(
            summary="Shards in this process, in a shuffled order",
            use=f"{_EVAL} --model dpsh --attack rnm --executor @@name@@",
        ),
        "observer": _Kind(
            summary="Writes a line of JSON for each record",
            use=f"{_EVAL} --model dpsh --attack rnm",
        ),
    }
)

_COMMON = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "tests.yml": ".github/workflows/tests.yml",
    "init.py": "@@package@@/__init__.py",
}
_OWN = {
    "plugin.py": "@@package@@/plugin.py",
    "module.py": "@@package@@/@@module@@.py",
    "test.py": "tests/test_@@module@@.py",
}


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """A distribution before it is written.

    Attributes:
        name: of the plugin object.
        kind: one of :data:`KINDS`.
        distribution: its name in package indexes, and of its folder.
        package: its import name.
        use: the command that shows it on the leaderboard.
        files: their texts, by path relative to its folder.
    """

    name: str
    kind: str
    distribution: str
    package: str
    use: str
    files: Mapping[PurePosixPath, str]


def blueprint(name: str, kind: str) -> Blueprint:
    """The files of a new distribution.

    Args:
        name: of the plugin object, such as ``my-hinge``; the distribution is ``robusthash-my-hinge``.
        kind: one of :data:`KINDS`.

    Raises:
        UsageError: the name is not one, or its package is another module's.
    """
    short = name.removeprefix(_PREFIX)
    if not _NAME.fullmatch(short):
        raise UsageError(
            f"bad name {name!r}", hint="lower-case letters, digits and single hyphens, such as my-hinge; a letter first"
        )
    module = short.replace("-", "_")
    package = f"robusthash_{module}"
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise UsageError(f"the name {name!r} is a word of Python", hint=f"such as my-{short}")
    if find_spec(package) is not None:
        raise UsageError(f"the package {package} is installed already", hint="choose another name")
    about = KINDS[kind]
    words = {
        "name": short,
        "kind": kind,
        "distribution": _PREFIX + short,
        "package": package,
        "module": module,
        "entry": module,
        "class": "".join(part.capitalize() for part in short.split("-")),
        "summary": about.summary,
    }
    words["use"] = _filled(about.use, words)
    written = {
        PurePosixPath(_filled(path, words)): _filled(_template(folder, source), words)
        for folder, table in (("common", _COMMON), (kind, _OWN))
        for source, path in table.items()
    }
    written[PurePosixPath(package) / "py.typed"] = ""
    return Blueprint(
        name=short,
        kind=kind,
        distribution=words["distribution"],
        package=package,
        use=words["use"],
        files=MappingProxyType(dict(sorted(written.items()))),
    )


def write(plan: Blueprint, parent: Path) -> Path:
    """Writes a distribution into a new folder.

    Args:
        plan: what to write.
        parent: where the folder is made.

    Returns:
        The folder.

    Raises:
        UsageError: the folder is there already; nothing is overwritten.
        StorageError: it cannot be written.
    """
    folder = parent / plan.distribution
    if folder.exists():
        raise UsageError(f"{folder} exists, and nothing is overwritten", hint="choose another name, or move it away")
    try:
        for path, text in plan.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error}", hint="choose a folder with --into") from error
    return folder


def _template(folder: str, name: str) -> str:
    return files("robusthash.scaffold").joinpath("templates", folder, f"{name}.in").read_text(encoding="utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: words[place[1]], text)
