"""What tests of large networks and of downloads share."""

import math
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

_TILE = 100_003  #: a prime, so that no two rows of a matrix are alike


@pytest.fixture
def quick_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random starts whose numbers are drawn once and laid side by side, on from where the last tensor ended.

    A hundred million draws take seconds, for every network that is built, and these tests are about something else.
    """
    generator = torch.Generator().manual_seed(0)
    uniform, normal = torch.rand(_TILE, generator=generator), torch.randn(_TILE, generator=generator)
    position = 0

    def fill(tensor: Tensor, tile: Tensor, factor: float, offset: float) -> Tensor:
        nonlocal position
        count = tensor.numel()
        shifted = (tile.roll(-position) * factor + offset).to(tensor.dtype)
        position = (position + count) % _TILE
        return tensor.copy_(shifted.repeat(math.ceil(count / _TILE))[:count].view(tensor.shape))

    def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0, **_generator: object) -> Tensor:
        return fill(tensor, uniform, high - low, low)

    def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, **_generator: object) -> Tensor:
        return fill(tensor, normal, std, mean)

    monkeypatch.setattr(torch.Tensor, "uniform_", uniform_)
    monkeypatch.setattr(torch.Tensor, "normal_", normal_)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, float | None]]]:
    """Where a connection was really tried, and the seconds that it may stand still: the only way out is refused."""
    tried: list[tuple[object, float | None]] = []
    connect = socket.create_connection

    def counted(address: tuple[str, int], *given: Any, **named: Any) -> socket.socket:
        own = next((one for one in (*given, *named.values()) if isinstance(one, float)), socket.getdefaulttimeout())
        tried.append((address, own))
        return connect(address, *given, **named)

    monkeypatch.setattr(socket, "create_connection", counted)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens at the discard port
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    urllib.request.install_opener(urllib.request.build_opener())  # urllib keeps the first, with the proxies of its time
    yield tried
    urllib.request.install_opener(None)  # type: ignore[arg-type]  # the next request makes one
