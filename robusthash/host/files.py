"""Plugins that are single files without a package. Importable without torch."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from robusthash.errors import PluginError, UsageError
from robusthash.host.discovery import Candidate, Owner

FILES_VARIABLE = "ROBUSTHASH_PLUGIN_FILES"


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
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the plugin file {path}: {error.strerror}", hint=hint) from error
    version = f"sha256-{hashlib.sha256(content).hexdigest()[:16]}"
    return Candidate(owner=Owner(path.name, version), name=path.stem, load=lambda: _load(path), required=True)


def _load(path: Path) -> ModuleType:
    """Imports the file under its own name, so that its specs can say ``my_attack:MyAttack``."""
    found = sys.modules.get(path.stem)
    if found is not None and _is(getattr(found, "__file__", None), path):
        return found
    other = None if found is not None else find_spec(path.stem)
    if found is not None or (other is not None and not _is(other.origin, path)):
        raise PluginError(f"another module is named {path.stem}", hint="rename the file")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} cannot be imported")
    module = sys.modules[path.stem] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _is(origin: str | None, path: Path) -> bool:
    return origin is not None and Path(origin).resolve() == path.resolve()
