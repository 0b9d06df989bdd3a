"""Suites that are none: syntax, unknown keys, and every key with values of wrong types, and out of range."""

from collections.abc import Callable
from pathlib import Path

import pytest

NUMBERS = {"nan": "nan", "infinite": "inf", "a float": "0.5", "text": '"4"', "a truth": "true", "a date": "2026-01-02"}
LISTS = {"a list": "[1]", "an empty list": "[]", "a table": "{a = 1}"}
TEXTS = {"a number": "3", "a truth": "true", "a list": '["a"]', "a table": "{a = 1}", "a time": "10:00:00"}
NO_TEXT = {"a number": "3", "a list": '["a"]'}  #: for keys that are read like another
NO_NUMBER = {"a float": "0.5", "text": '"4"', "a truth": "true"}  #: likewise
UNIT = {"zero": "0", "negative": "-1", "beyond 64 bits": "99999999999999999999"}

#: Values that each key cannot have.
WRONG = {
    "models": {
        "a number": "3",
        "none": "[]",
        "numbers": "[3]",
        "nested": '[["lsh"]]',
        "unknown": '["no"]',
    }
    | {"NUL in a file": '["a\\u0000.py:build"]', "a missing file": '["no.safetensors"]', "empty": '[""]'},
    "attacks": {
        "none": "[]",
        "numbers": "[3]",
        "unknown": '["[/red]"]',
        "an escape": '["\\u001b[31m"]',
    },
    "surrogates": {"none": "[]", "unknown": '["no"]', "a missing file": '["no.py:build"]'},
    "defenses": {"none": "[]", "unknown": '["no"]', "a truth": "[true]"},
    "directions": {"none": "[]", "unknown": '["x2y"]', "without texts": '["t2i"]'},
    "metrics": {"none": "[]", "unknown": '["mab"]', "numbers": "[1]"},
    "bits": {"none": "[]", "texts": '["32"]', "floats": "[0.5]", "zero": "[0]", "many": "[5000]"}
    | {"truths": "[true]", "beyond 64 bits": "[99999999999999999999]"},
    "qualities": {"zero": "[0]", "many": "[101]", "texts": '["50"]'},
    "epsilons": {
        "none": "[]",
        "levels": "[8]",
        "nan": "[nan]",
        "infinite": "[inf]",
        "a word": '["x"]',
    }
    | {"a huge exponent": '["1e99999999"]', "negative": "[-0.1]", "a truth": "[true]", "nested": "[[0.1]]"},
    "vary": {"a number": "3", "flat": "{rnm = 3}", "no list": "{rnm = {steps = 3}}", "another": "{hag = {steps = [3]}}"}
    | {"an empty list": "{noise = {steps = []}}"},
    "options": {
        "a number": "3",
        "flat": "{steps = 3}",
        "unknown": "{noise = {steps = 3}}",
        "nobody's": "{no = {a = 1}}",
    }
    | {"of another type": '{train = {epochs = "x"}}'},
    "queries": NUMBERS | LISTS | UNIT,
    "image_size": NO_NUMBER | UNIT,
    "shard_size": NO_NUMBER | UNIT,
    "seed": NO_NUMBER | {"negative": "-1", "beyond 64 bits": "99999999999999999999"},
    "dataset": TEXTS | {"unknown": '"no"', "empty": '""'},
    "data_root": NO_TEXT | {"NUL": '"a\\u0000b"', "empty": '""', "too long": f'"{"n" * 300}"'},
    "backbone": NO_TEXT | {"unknown": '"no"', "empty": '""'},
    "weights": NO_TEXT
    | {"NUL": '"a\\u0000b"', "missing": '"no.safetensors"', "a folder": '"folder"', "a FIFO": '"fifo"'},
    "checkpoint": NO_TEXT | {"NUL": '"a\\u0000b"', "missing": '"no.safetensors"', "empty": '""', "a FIFO": '"fifo"'},
    "retriever": NO_TEXT | {"unknown": '"no"', "empty": '""'},
    "relevance": NO_TEXT | {"unknown": '"no"'},
    "device": NO_TEXT | {"unknown": '"tpu"', "another": '"cuda:99"'},
    "precision": NO_TEXT | {"unknown": '"float16"'},
    "compiled": {"a number": "1", "a text": '"yes"', "a list": "[true]"},
}
SYNTAX = {
    "no TOML": "models: [lsh]",
    "half a list": 'models = ["lsh"',
    "the same key twice": 'models = ["lsh"]\nmodels = ["itq"]',
    "no models": 'attacks = ["noise"]',
    "an unknown key": 'models = ["lsh"]\nmodel = "lsh"',
    "a key with an escape": 'models = ["lsh"]\n"\\u001b[31m" = 1',
    "a key with markup": 'models = ["lsh"]\n"[/red]" = 1',
    "an empty key": 'models = ["lsh"]\n"" = 1',
    "a thousand brackets": "models = " + "[" * 3000 + "]" * 3000,
    "a lone surrogate": 'models = ["\\ud800"]',
    "NUL": 'models = ["lsh"]\0',
    "a number of 5000 digits": "seed = " + "9" * 5000,
}
_REST = {"models": '["lsh"]', "attacks": '["noise"]', "queries": "4"}


def _suite(key: str, value: str) -> str:
    lines = {**_REST, key: value}
    return "".join(f"{name} = {text}\n" for name, text in lines.items())


ROWS = SYNTAX | {f"{key} {name}": _suite(key, value) for key, wrong in WRONG.items() for name, value in wrong.items()}


@pytest.mark.parametrize("content", ROWS.values(), ids=ROWS)
def test_a_suite_that_is_none_is_refused(refused: Callable[..., object], wrong_files: Path, content: str) -> None:
    (wrong_files / "suite.toml").write_text(content, encoding="utf-8", errors="surrogatepass")
    refused(["eval", "--suite", "suite.toml"])
