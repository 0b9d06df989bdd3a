"""Names of nothing, in every option and argument that takes one."""

from collections.abc import Callable
from itertools import product

import pytest

NOBODY = {
    "empty": "",
    "a blank": " ",
    "unknown": "nosuch",
    "another case": "NONESUCH",
    "markup": "r[/red]",
    "a link": "[link=http://x]y[/link]",
    "an escape": "\x1b[31mred",
    "a title": "\x1b]0;title\x07",
    "two lines": "a\nerror: b",
    "a mark of direction": "\u202egnitlaf",
    "300 characters": "n" * 300,
    "a parent": "../dpsh",
    "a percent sign": "%s%n{0}",
    "not UTF-8": "\udcff\udcfe",
    "NUL": "a\0b",
    "another owner": "nosuch/dpsh",
    "slashes": "//",
}
SOME = {"empty", "unknown", "an escape", "NUL"}  #: for options of eval that are read by the same code as others
FEW = {"unknown", "NUL"}  #: for the same options of other commands
OPTIONS = {
    ("eval", "--attack", "noise"): ("model", "surrogate"),
    ("eval", "--model", "lsh"): ("attack", "defense", "dataset", "backbone", "retriever", "metric", "executor"),
    ("eval", "--model", "lsh", "--attack", "noise"): ("relevance", "precision", "direction", "device"),
    ("train",): ("model",),
    ("train", "--model", "lsh"): ("dataset", "backbone", "device"),
    ("harden", "cgat"): ("model",),
    ("harden", "cgat", "--model", "dpsh"): ("dataset", "backbone", "device"),
    ("attack", "--attack", "noise", "--output", "out"): ("model",),
    ("attack", "--model", "lsh", "--output", "out"): ("attack",),
    ("attack", "--model", "lsh", "--attack", "noise", "--output", "out"): ("defense", "dataset", "backbone", "device"),
    ("import", "no.pt", "--model", "dpsh", "--bits", "8", "--backbone", "vgg11", "--dataset", "digits"): ("layout",),
    ("plugins", "list"): ("kind",),
    ("plugins", "show", "rnm"): ("kind",),
    ("leaderboard",): ("format",),
    ("curve",): ("over",),
    ("curve", "--over", "bits"): ("format",),
}
ARGUMENTS = {
    "a command": [],
    "plugins show": ["plugins", "show"],
    "data verify": ["data", "verify"],
    "plugins": ["plugins"],
    "data": ["data"],
    "data prepare": ["data", "prepare"],
    "harden": ["harden", "--model", "dpsh"],
}

FIRST = {"a command", "plugins show", "data verify"}

ROWS = {
    f"{' '.join(command)} --{option} {name}": [*command, f"--{option}", value]
    for command, options in OPTIONS.items()
    for option, (name, value) in product(options, NOBODY.items())
    if command[:2] == ("eval", "--attack") or name in (FEW if command[0] in {"train", "harden", "attack"} else SOME)
} | {
    f"{name} {how}": [*command, value]
    for (name, command), (how, value) in product(ARGUMENTS.items(), NOBODY.items())
    if name in FIRST or how in SOME
}


@pytest.mark.parametrize("arguments", ROWS.values(), ids=ROWS)
def test_a_name_of_nothing_is_refused(refused: Callable[..., object], arguments: list[str]) -> None:
    refused(arguments)
