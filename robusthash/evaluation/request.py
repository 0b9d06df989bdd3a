"""What the user asks to be evaluated, from the command line or a suite file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from robusthash.epsilon import parse_epsilon
from robusthash.errors import InputError, OptionError

NOISE = "noise"  #: the attack that every other one is shown beside

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All that a grid of evaluations has in common.

    Attributes:
        dataset: registered name.
        data_root: folder with the dataset's files.
        image_size: height and width; None is the dataset's own.
        queries: how many queries to attack, drawn with the seed; None is all.
        backbone: registered name; None is the dataset's own.
        weights: where the backbone starts: ``none``, ``default`` or a safetensors file.
        checkpoint: a trained model's weights; None trains, or takes what was trained before.
        retriever: registered name.
        metrics: registered names of ranking metrics; the first is the headline.
        options: by plugin name, then by field; ``train`` holds the training recipe.
        seed: of everything random.
        shard_size: queries to a shard; None is 128 for small images, 32 for large ones.
        device: ``cpu``, ``cuda`` or ``auto``.
    """

    dataset: str = "digits"
    data_root: Path | None = None
    image_size: int | None = None
    queries: int | None = None
    backbone: str | None = None
    weights: str = "none"
    checkpoint: Path | None = None
    retriever: str = "auto"
    metrics: tuple[str, ...] = ("map", "precision@r2")
    options: Options = field(default_factory=dict)
    seed: int = 0
    shard_size: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("image_size", "queries", "shard_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name.replace('_', '-')} is {value}", hint="at least 1")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A grid: every model x bits x defense x attack x epsilon, in one setting.

    Attributes:
        models: registered names, or ``path/to/file.py:build``.
        attacks: registered names.
        bits: code lengths.
        defenses: registered names; ``none`` is no defense.
        epsilons: radii as shares of the pixel range; empty is the dataset's own.
        setting: what all cells have in common.
    """

    models: tuple[str, ...]
    attacks: tuple[str, ...]
    bits: tuple[int, ...] = (32,)
    defenses: tuple[str, ...] = ("none",)
    epsilons: tuple[float, ...] = ()
    setting: Setting = field(default_factory=Setting)

    def __post_init__(self) -> None:
        for name in ("models", "bits", "defenses"):
            if not getattr(self, name):
                raise OptionError(f"no {name} to evaluate", hint=f"name at least one in --{name.rstrip('s')}")
        for bits in self.bits:
            if not 1 <= bits <= 4096:
                raise OptionError(f"bits is {bits}", hint="a code has 1 to 4096 bits")


def read_suite(path: Path) -> Request:
    """Reads a suite: the fields of a request and of its setting as top-level keys, options as tables.

    ::

        models = ["dpsh", "hashnet"]
        attacks = ["rnm", "rnm-p2s"]
        bits = [16, 32]
        epsilons = ["8/255", 0.1]
        dataset = "digits"

        [options.rnm]
        steps = 200

    Raises:
        InputError: not readable as TOML, or a key is unknown.
        OptionError: a value is wrong.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read suite {path}: {error.strerror}", hint="name an existing TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"suite {path} is not TOML: {error}", hint="see the quickstart's example") from error
    grid = {entry.name for entry in fields(Request)} - {"setting"}
    common = {entry.name for entry in fields(Setting)}
    unknown = sorted(set(content) - grid - common)
    if unknown:
        raise InputError(f"suite {path} has unknown keys {unknown}", hint=f"known: {', '.join(sorted(grid | common))}")
    lists = {name: _as_tuple(path, name, content[name]) for name in grid & set(content)}
    if "epsilons" in lists:
        lists["epsilons"] = tuple(parse_epsilon(str(epsilon)) for epsilon in lists["epsilons"])
    setting = {name: content[name] for name in common & set(content)}
    for name in ("data_root", "checkpoint"):
        if name in setting:
            setting[name] = path.parent / setting[name]
    if "metrics" in setting:
        setting["metrics"] = _as_tuple(path, "metrics", setting["metrics"])
    for name in ("models", "attacks"):
        if name not in lists:
            raise InputError(f"suite {path} names no {name}", hint=f'{name} = ["..."]')
    return Request(**lists, setting=Setting(**setting))


def _as_tuple(path: Path, name: str, value: object) -> tuple[Any, ...]:
    if not isinstance(value, list) or not value:
        raise InputError(f"suite {path}: {name} is not a list", hint=f"{name} = [...]")
    return tuple(value)
