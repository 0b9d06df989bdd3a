"""Plugins that are single files without a package. Importable without torch."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import cast

from robusthash.errors import PluginError, UsageError
from robusthash.files.opening import read_file
from robusthash.host.discovery import Candidate, Owner

FILES_VARIABLE = "ROBUSTHASH_PLUGIN_FILES"

_CONTENT = "__robusthash_content__"  #: attribute of a module with the content that it was made from


def plugin_files(environment: Mapping[str, str]) -> Iterator[Candidate]:
    """The files that ``ROBUSTHASH_PLUGIN_FILES`` names, separated as in ``PATH``; worker processes inherit it.

    A file's owner is its name, and its version is a digest of its content: records of another content are others.

    Raises:
        UsageError: there is no such file, it is not Python, or two have the same name.
    """
    seen: dict[str, Path] = {}
    for text in filter(None, environment.get(FILES_VARIABLE, "").split(os.pathsep)):
        path = Path(text).absolute()
        if seen.setdefault(path.name, path) != path:
            raise UsageError(f"two plugin files are named {path.name}: {seen[path.name]}, {path}", hint="rename one")
        yield _candidate(path)


def add_plugin_file(path: Path) -> None:
    """Names a file in this process's ``ROBUSTHASH_PLUGIN_FILES``, unless it is there."""
    named = [text for text in os.environ.get(FILES_VARIABLE, "").split(os.pathsep) if text]
    if str(path) not in named:
        os.environ[FILES_VARIABLE] = os.pathsep.join([*named, str(path)])


def _candidate(path: Path) -> Candidate:
    hint = f"--plugin-file and {FILES_VARIABLE} name Python files"
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise UsageError(f"{path} is not a Python module", hint=f"{hint}, such as my_attack.py")
    try:
        content = read_file(path)
    except OSError as error:
        raise UsageError(f"cannot read the plugin file {path}: {error.strerror or error}", hint=hint) from error
    version = f"sha256-{hashlib.sha256(content).hexdigest()[:16]}"
    load = partial(_load, path, content)
    return Candidate(owner=Owner(path.name, version), name=path.stem, load=load, required=True)


def _load(path: Path, content: bytes) -> ModuleType:
    """Imports the file under its own name, so that its specs can say ``my_attack:MyAttack``.

    It is not imported again unless its content has changed, and what runs is the content that the digest is of.
    """
    found = sys.modules.get(path.stem)
    if getattr(found, _CONTENT, None) == content:
        return cast("ModuleType", found)
    origin = (
        getattr(found, "__file__", None) if found is not None else getattr(find_spec(path.stem), "origin", str(path))
    )
    if origin is None or Path(origin).resolve() != path.resolve():
        raise PluginError(f"another module is named {path.stem}", hint="rename the file")
    module = sys.modules[path.stem] = ModuleType(path.stem)
    module.__file__ = str(path)
    setattr(module, _CONTENT, content)
    try:
        exec(compile(content, path, "exec"), vars(module))  # noqa: S102 - it is the user's own file
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module
