"""Fixtures that several test files share."""

import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from robusthash.contracts import silent
from robusthash.evaluation import Request, RunSettings
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.running.preparing.cells import PreparedCell, prepare
from robusthash.evaluation.running.preparing.checking import known
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.host import PluginHost

_REPOSITORY = Path(__file__).parents[1]


class Site:
    """A folder of installed distributions, as importlib.metadata sees them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(self, distribution: str, source: str, *, version: str = "1.2", entry_points: str | None = None) -> str:
        """Writes a distribution of one module; returns the module's name."""
        module = distribution.replace("-", "_")
        self.modules.append(module)
        (self.folder / f"{module}.py").write_text(source)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        text = f"[robusthash]\nmain = {module}\n" if entry_points is None else entry_points
        (info / "entry_points.txt").write_text(text)
        return module

    def entry_points(self) -> list[EntryPoint]:
        """What is installed here, for a host that is to see nothing else."""
        return [
            point
            for distribution in distributions(path=[str(self.folder)])
            for point in distribution.entry_points.select(group="robusthash")
        ]

    def environment(self, **variables: str) -> dict[str, str]:
        """An environment for a process that has this folder installed beside everything else."""
        paths = [str(self.folder), str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        unset = {"ROBUSTHASH_PLUGINS", "COLUMNS"}
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        return {**inherited, "PYTHONPATH": os.pathsep.join(paths), **variables}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder of distributions that this process can import from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.delenv("ROBUSTHASH_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(folder)
    site = Site(folder)
    yield site
    for module in site.modules:
        sys.modules.pop(module, None)


@pytest.fixture(scope="session")
def host() -> PluginHost:
    """All that is installed."""
    return PluginHost.load()


@pytest.fixture(scope="session")
def small() -> Request:
    """A quick grid: few queries, few steps, a victim trained for a moment."""
    setting = RunSettings(queries=20, shard_size=8, options={"rnm": {"steps": "10"}, "train": {"epochs": "3"}})
    return Request(models=("dpsh",), attacks=("rnm",), setting=setting)


@pytest.fixture
def last_cell(host: PluginHost) -> Callable[[Request], PreparedCell]:
    """Makes the last cell of a request ready to be run."""

    def make(request: Request) -> PreparedCell:
        resources = Resources(request.setting, host, silent)
        return prepare(plan(request, known(request, resources))[-1], Systems(resources), {})

    return make
