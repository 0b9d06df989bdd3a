"""Refuses imports of anything that is not public: ``python -m robusthash.testing.imports FOLDER...``.

A public name is one in the ``__all__`` of a room in :data:`PUBLIC`. It stays where it is through all versions that a
plugin's ``requires_api`` names; everything else may move or go. Only source is read: neither the plugin nor torch is
imported.
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_CORE = "robusthash"
_ROOMS = (
    "adversary",
    "allocation",
    "contracts",
    "devices",
    "epsilon",
    "errors",
    "events",
    "files.archives",
    "files.arrays",
    "files.caching",
    "files.contents",
    "files.documents",
    "files.locks",
    "files.opening",
    "files.storage",
    "hashing",
    "hookspecs",
    "memory",
    "metrics",
    "options",
    "pixels",
    "processes",
    "results",
    "results.gate",
    "retrieval",
    "specs",
    "testing",
    "training",
)
PUBLIC = (_CORE, *(f"{_CORE}.{room}" for room in _ROOMS))  #: modules whose ``__all__`` is public
_IMPORTERS = {"import_module", "__import__", "importorskip"}  #: functions that import what a text names


@dataclass(frozen=True, kw_only=True, order=True)
class Fault:
    """A use of something that is not public.

    Attributes:
        file: where.
        line: likewise, counted from 1.
        name: what is used, with all modules before it.
        homes: public names of the very same object.
    """

    file: Path
    line: int
    name: str
    homes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        told = f"{self.file}:{self.line}: {self.name} is not public"
        return f"{told}; use {' or '.join(self.homes)}" if self.homes else told


def check_imports(*folders: Path) -> list[Fault]:
    """Uses of non-public names in all Python files of some folders, in the order of files and lines.

    Tests are left out, which may look deeper: folders named ``tests``, and files named ``test_*.py`` or
    ``conftest.py``.

    Args:
        folders: of plugins; a file is taken by itself.

    Raises:
        FileNotFoundError: there is no such folder or file.
        SyntaxError: a file is not Python.
    """
    return sorted({fault for path in _files(folders) for fault in _faults(path)})


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: prints a line for each fault.

    Returns:
        1 if there is one, 2 if a file cannot be read, 0 otherwise.
    """
    parser = argparse.ArgumentParser(prog="python -m robusthash.testing.imports", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+", help="of a plugin, or of several")
    try:
        faults = check_imports(*parser.parse_args(arguments).folder)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if not folder.exists():
            raise FileNotFoundError(f"there is no {folder}")
        if folder.is_file():
            yield folder
            continue
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder)
            tests = "tests" in inside.parts or inside.name.startswith("test_") or inside.name == "conftest.py"
            hidden = any(part.startswith(".") for part in inside.parts)
            if not tests and not hidden:
                yield path


def _faults(path: Path) -> Iterator[Fault]:
    visitor = _Visitor()
    visitor.visit(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
    for line, name in visitor.used:
        if not _is_public(name):
            yield Fault(file=path, line=line, name=name, homes=_homes(name))


class _Visitor(ast.NodeVisitor):
    """Collects what a file uses of the core: (line, dotted name)."""

    def __init__(self) -> None:
        self.used: list[tuple[int, str]] = []
        self._modules: dict[str, str] = {}  # local names of the core's modules
        self._hidden: list[set[str]] = []  # names that each enclosing function binds anew

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if _in_core(alias.name):
                self.used.append((node.lineno, alias.name))
                self._modules[alias.asname or _CORE] = alias.name if alias.asname else _CORE

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or not node.module or not _in_core(node.module):
            return
        for alias in node.names:
            name = node.module if alias.name == "*" else f"{node.module}.{alias.name}"
            self.used.append((node.lineno, name))
            if _source(name) is not None:
                self._modules[alias.asname or alias.name] = name

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name) or any(inner.id in names for names in self._hidden):
            self.generic_visit(node)
        elif inner.id in self._modules:
            name = self._modules[inner.id]
            for part in parts:
                if _source(name) is None:  # an object, whose attributes are its own affair
                    break
                name = f"{name}.{part}"
            self.used.append((node.lineno, name))

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        match node.args:
            case [ast.Constant(value=str(name)), *_] if called in _IMPORTERS and _in_core(name):
                self.used.append((node.lineno, name))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        inside = list(ast.walk(node))
        stored = {part.id for part in inside if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        self._hidden.append(stored | {part.arg for part in inside if isinstance(part, ast.arg)})
        self.generic_visit(node)
        self._hidden.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - likewise
    visit_Lambda = visit_FunctionDef  # noqa: N815 - likewise


def _in_core(name: str) -> bool:
    return name == _CORE or name.startswith(f"{_CORE}.")


def _is_public(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return name in PUBLIC or (module in PUBLIC and last in _exported(module))


def _homes(name: str) -> tuple[str, ...]:
    """Where the object of a dotted name is public; in order of length, so that the first is the shortest."""
    origin = _origin(name)
    found = (f"{module}.{exported}" for module in PUBLIC for exported in _exported(module))
    return tuple(sorted((home for home in found if _origin(home) == origin), key=lambda home: (home.count("."), home)))


@cache
def _origin(name: str) -> str:
    """The dotted name under which an object is defined: imports from module to module are followed."""
    module, _, last = name.rpartition(".")
    tree = _source(module)
    if tree is None or _source(name) is not None:
        return name
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module and _in_core(node.module):
            for alias in node.names:
                if (alias.asname or alias.name) == last:
                    return _origin(f"{node.module}.{alias.name}")
    return name


@cache
def _exported(module: str) -> frozenset[str]:
    """The names in a module's ``__all__``."""
    tree = _source(module)
    for node in tree.body if tree is not None else ():
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return frozenset(ast.literal_eval(value))
    return frozenset()


@cache
def _source(module: str) -> ast.Module | None:
    """A module of the core; None if the name is not a module's."""
    base = Path(__file__).parents[1].joinpath(*module.split(".")[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return None


if __name__ == "__main__":
    sys.exit(main())
