"""Workers on a Ray cluster: the contract, what is told, and what is left."""

import pytest

from robusthash.contracts import Executor
from robusthash.testing import ExecutorContract
from robusthash_ray.executor import Ray


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestRay(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return Ray(workers=2)
