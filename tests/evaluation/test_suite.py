"""Suites: whatever is wrong in the file is one error that names the key."""

from dataclasses import fields
from pathlib import Path

import pytest

from robusthash.errors import InputError
from robusthash.evaluation import Request, RunSettings, read_suite
from robusthash.evaluation.planning import suite


def written(folder: Path, text: str) -> Path:
    path = folder / "suite.toml"
    path.write_text('models = ["dpsh"]\n' + text)
    return path


def test_every_field_of_a_request_has_a_type() -> None:
    known = {entry.name for kind in (Request, RunSettings) for entry in fields(kind)} - {"setting"}
    assert set(suite._TYPES) == known | {"fitted"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("attacks = 'rnm'", "attacks: Expected `array`, got `str`"),
        ("attacks = []", "attacks: Expected `array` of length >= 1"),
        ("attacks = [3]", "attacks: Expected `str`, got `int`"),
        ("bits = ['x']", "bits: Expected `int`, got `str`"),
        ("edits = [true]", "edits: Expected `int | str`, got `bool`"),
        ("edits = []", "edits: Expected `array` of length >= 1"),
        ("epsilons = [true]", "epsilons: Expected `float | str`, got `bool`"),
        ("queries = 'many'", "queries: Expected `int`, got `str`"),
        ("checkpoint = 3", "checkpoint: Expected `str`, got `int`"),
        ("options = 3", "options: Expected `object`, got `int`"),
        ("vary = 3", "vary: Expected `object`, got `int`"),
        ("[vary]\nrnm = [1]", "vary: Expected `object`, got `array`"),
        ("[vary.rnm]\nsteps = 3", "vary: Expected `array`, got `int`"),
        ("compiled = 'yes'", "compiled: Expected `bool`, got `str`"),
        ("seed = 0.5", "seed: Expected `int`, got `float`"),
        ("steps = 3", "unknown keys"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_suite(written(tmp_path, text))
    assert says in str(refused.value)
    assert "suite.toml" in str(refused.value)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    setting = read_suite(written(tmp_path, 'data_root = "data"\nweights = "net.safetensors"')).setting
    assert setting.data_root == tmp_path / "data"
    assert setting.weights == str(tmp_path / "net.safetensors")
    assert read_suite(written(tmp_path, 'weights = "default"')).setting.weights == "default"


@pytest.mark.parametrize("content", [f"queries = {'9' * 5000}", "a = " + "[" * 5000, "\ufffe"])
def test_a_suite_that_exhausts_its_parser_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(content)
    with pytest.raises(InputError, match="is not TOML"):
        read_suite(path)
