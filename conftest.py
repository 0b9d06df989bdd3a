"""What all tests share, the core's and the plugins': no clock for hypothesis, no terminal's width, one cache."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("robusthash", deadline=None)  # machines are busy
settings.load_profile("robusthash")
os.environ.pop("COLUMNS", None)  # a runner may set it, and tables would fold


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder that all tests of a session share, so that the victim is trained once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTHASH_CACHE", str(folder))
        yield folder
