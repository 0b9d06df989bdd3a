"""Options: from text and TOML to the fields of a dataclass."""

import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robusthash.errors import ContractError, OptionError
from robusthash.limits import LARGEST
from robusthash.options import as_plain, build_options, describe, parse_assignments


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark-blue"


@dataclass(frozen=True, kw_only=True)
class Base:
    steps: int = 100  #: how many
    rate: float | None = None  #: how fast
    plain: str = "x"


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    colour: Colour = (
        Colour.RED  #: of the paint
    )
    #: above the field,
    #: in two lines
    mode: Literal["fast", "exact"] = "fast"
    sizes: tuple[int, ...] = (1, 2)  #: of each
    mean: tuple[float, float] = field(default_factory=lambda: (0.5, 0.25))
    loud: bool = False
    where: Path | None = None
    steps: int = 10  # overrides the default, keeps the documentation

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")
        if self.plain == "refuse":
            raise OptionError("refused", hint="write something else")


@dataclass(frozen=True, kw_only=True)
class Required:
    size: int  #: of it


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", "200", 200),
        ("steps", 200, 200),
        ("rate", "8/255", 8 / 255),
        ("rate", "1e-3", 1e-3),
        ("rate", "none", None),
        ("rate", "None", None),
        ("rate", 1, 1.0),
        ("rate", None, None),
        ("rate", "inf", math.inf),
        ("plain", "none", "none"),
        ("plain", "a=b", "a=b"),
        ("colour", "dark-blue", Colour.DARK_BLUE),
        ("colour", Colour.RED, Colour.RED),
        ("mode", "exact", "exact"),
        ("sizes", "4, 5,6", (4, 5, 6)),
        ("sizes", [4], (4,)),
        ("sizes", "", ()),
        ("mean", "1/2,1", (0.5, 1.0)),
        ("loud", "yes", True),
        ("loud", "0", False),
        ("loud", True, True),
        ("where", "a/b", Path("a/b")),
        ("where", Path("c"), Path("c")),
    ],
)
def test_value_is_read_by_the_fields_type(name: str, value: Any, expected: Any) -> None:
    found = getattr(build_options(Options, {name: value}, where="mine"), name)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", "2.5"),
        ("steps", 2.5),
        ("steps", True),
        ("steps", "many"),
        ("rate", "1/0"),
        ("rate", "nan"),
        ("rate", True),
        ("rate", 10**400),
        ("plain", 3),
        ("colour", "blu"),
        ("mode", "slow"),
        ("sizes", "1,x"),
        ("sizes", 3),
        ("mean", "1"),
        ("mean", [1, 2, 3]),
        ("loud", "maybe"),
        ("loud", 1),
        ("where", ""),
    ],
)
def test_value_that_does_not_fit_names_option_and_type(name: str, value: Any) -> None:
    with pytest.raises(OptionError) as caught:
        build_options(Options, {name: value}, where="mine")
    assert f"mine.{name}" in caught.value.message
    assert repr(value) in caught.value.message
    assert caught.value.hint


def test_near_misses_are_offered() -> None:
    with pytest.raises(OptionError, match="did you mean 'steps'") as caught:
        build_options(Options, {"step": "1"}, where="mine")
    assert "unknown option mine.step" in caught.value.message
    assert "colour" in (caught.value.hint or "")
    with pytest.raises(OptionError, match="did you mean 'dark-blue'"):
        build_options(Options, {"colour": "darkblue"}, where="mine")


def test_a_class_may_refuse() -> None:
    with pytest.raises(OptionError, match="options of mine: steps must be at least 1") as caught:
        build_options(Options, {"steps": "0"}, where="mine")
    assert "steps=0" in (caught.value.hint or "")
    with pytest.raises(OptionError, match="options of mine: refused") as caught:
        build_options(Options, {"plain": "refuse"}, where="mine")
    assert caught.value.hint == "write something else"


def test_required_option() -> None:
    assert build_options(Required, {"size": "3"}, where="mine") == Required(size=3)
    with pytest.raises(OptionError, match=r"mine.size has no value"):
        build_options(Required, {}, where="mine")
    assert [(option.required, option.default, option.doc) for option in describe(Required)] == [(True, None, "of it")]


def test_documentation_is_read_from_the_source() -> None:
    described = {option.name: option for option in describe(Options)}
    assert described["steps"].doc == "how many"
    assert described["steps"].default == 10
    assert described["rate"].doc == "how fast"
    assert described["rate"].type == "number or none"
    assert described["colour"].doc == "of the paint"
    assert described["colour"].type == "one of red, dark-blue"
    assert described["mode"].doc == "above the field, in two lines"
    assert described["sizes"].doc == "of each"
    assert described["sizes"].type == "comma-separated list of whole number"
    assert described["mean"].default == [0.5, 0.25]
    assert described["loud"].doc == ""


def test_options_without_source_have_no_documentation() -> None:
    namespace: dict[str, Any] = {"dataclass": dataclass, "__name__": "nowhere"}
    exec("@dataclass\nclass Made:\n    size: int = 1  #: lost", namespace)  # noqa: S102 - a class without a file
    assert [(option.name, option.doc) for option in describe(namespace["Made"])] == [("size", "")]


@given(
    steps=st.integers(1, 10**9),
    rate=st.none() | st.floats(allow_nan=False),
    plain=st.text().filter(lambda text: text != "refuse"),
    colour=st.sampled_from(Colour),
    sizes=st.lists(st.integers(-LARGEST, LARGEST)).map(tuple),
    loud=st.booleans(),
)
def test_plain_values_survive_json(**values: Any) -> None:
    options = Options(**values)
    assert build_options(Options, json.loads(json.dumps(as_plain(options), allow_nan=False)), where="mine") == options


def test_what_is_no_option_class_is_refused() -> None:
    class Bare:
        pass

    @dataclass
    class Strange:
        table: dict[str, int] = field(default_factory=dict)

    with pytest.raises(ContractError, match="not a dataclass"):
        build_options(Bare, {}, where="mine")
    with pytest.raises(ContractError, match="an option cannot have the type"):
        build_options(Strange, {"table": "x"}, where="mine")
    with pytest.raises(ContractError, match="no JSON form"):
        as_plain(Strange())


def test_assignments() -> None:
    assert parse_assignments(["rnm.steps=2", "dpsh/cgat.eta=0.1", "precision@r2.x=", "my.dist/a-b.p=c=d.e"]) == {
        "rnm": {"steps": "2"},
        "dpsh/cgat": {"eta": "0.1"},
        "precision@r2": {"x": ""},
        "my.dist/a-b": {"p": "c=d.e"},
    }


@pytest.mark.parametrize("text", ["steps=2", "rnm.steps", ".steps=2", "rnm.=2", "rnm.st eps=2", "", "rnm=1.5"])
def test_bad_assignment_shows_the_right_form(text: str) -> None:
    with pytest.raises(OptionError, match=r"rnm.steps=200") as caught:
        parse_assignments([text])
    assert repr(text) in caught.value.message


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(OptionError, match=r"rnm.steps is given twice"):
        parse_assignments(["rnm.steps=1", "rnm.steps=2"])
