"""Records: what is stored comes back, under the digest that it has; files of schema 1 are read as they were meant."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robusthash.errors import InputError
from robusthash.files.storage import digest
from robusthash.results import (
    ADVERSARIAL,
    CLEAN,
    UNROUNDED,
    Access,
    Against,
    AttackUse,
    Conditions,
    Cost,
    DatasetUse,
    Effort,
    Flag,
    Measure,
    ModelUse,
    Outcome,
    PluginUse,
    QueryArrays,
    Record,
    ScoreKey,
    Scoring,
    Spent,
    VictimUse,
    after_jpeg,
    read_record,
)
from robusthash.results.records.stages import in_order, is_stage, stages_of
from robusthash.specs import Direction, Distance, Goal, Role
from robusthash.testing.records import make_model, make_record, with_digest

TEXT = st.text(max_size=8)
NAMES = st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=1, max_size=6)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 2**40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
OPTIONS = st.dictionaries(TEXT, JSON, max_size=3)
USES = st.builds(PluginUse, name=TEXT, owner=TEXT, options=OPTIONS)
MEASURES = st.builds(Measure, value=FINITE, low=FINITE, high=FINITE, worst=FINITE, best=FINITE)
MODELS = st.builds(
    ModelUse,
    name=TEXT,
    owner=TEXT,
    options=OPTIONS,
    size=st.integers(1, 4096),
    distance=st.sampled_from(Distance),
    backbone=TEXT,
    digest=TEXT,
)
COSTS = st.builds(
    Cost,
    forward=COUNTS,
    backward=COUNTS,
    queries=COUNTS,
    seconds=st.floats(0, 1e6),
    learning=st.none() | st.builds(Spent, forward=COUNTS, backward=COUNTS, seconds=st.floats(0, 1e6)),
)
FLOORS = st.dictionaries(st.sampled_from(Against), st.dictionaries(NAMES, FINITE, min_size=1, max_size=2))


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record that a run could make."""
    goal = draw(st.sampled_from(Goal))
    protocols = draw(st.dictionaries(NAMES, TEXT, min_size=1, max_size=3))
    qualities = tuple(draw(st.lists(st.integers(1, 95), max_size=2, unique=True)))
    labels = tuple(Against) if goal is Goal.TARGETED else (Against.OWN,)
    measures = st.fixed_dictionaries(
        {against: st.fixed_dictionaries(dict.fromkeys(protocols, MEASURES)) for against in labels}
    )
    made = Record(
        digest="",
        created=draw(TEXT),
        dataset=draw(
            st.builds(
                DatasetUse,
                name=TEXT,
                owner=TEXT,
                options=OPTIONS,
                digest=TEXT,
                queries=COUNTS,
                query_digest=TEXT,
                database=COUNTS,
            )
        ),
        victim=VictimUse(
            model=draw(MODELS), defense=draw(st.none() | USES), direction=draw(st.sampled_from(Direction))
        ),
        attack=AttackUse(
            **vars(draw(USES)),
            goal=goal,
            epsilon=draw(st.floats(0, 1)),
            surrogate=draw(st.none() | MODELS),
            role=draw(st.sampled_from(Role)),
            effort=draw(st.none() | st.builds(Effort, option=TEXT, value=COUNTS | FINITE)),
            passes=draw(st.integers(1, 64)),
            precision=draw(TEXT),
            compiled=draw(st.booleans()),
        ),
        scoring=Scoring(
            protocols=protocols,
            headline=draw(st.sampled_from(sorted(protocols))),
            relevance=draw(TEXT),
            retriever=draw(USES),
            qualities=qualities,
        ),
        conditions=Conditions(
            seed=draw(st.integers(0, 2**62)),
            shard_size=draw(st.integers(1, 4096)),
            versions=draw(st.dictionaries(TEXT, TEXT, max_size=2)),
            environment={"device": "cpu", **draw(st.dictionaries(TEXT, TEXT, max_size=2))},
        ),
        outcome=Outcome(
            metrics={stage: draw(measures) for stage in stages_of(qualities)},
            search=draw(st.dictionaries(st.just(CLEAN), st.dictionaries(NAMES, FINITE, max_size=2), max_size=1)),
            floors=draw(FLOORS),
            imagery=draw(st.dictionaries(NAMES, FINITE, max_size=2)),
            cost=draw(COSTS),
            flags=tuple(draw(st.lists(st.builds(Flag, id=TEXT, message=TEXT), max_size=2))),
            probe=draw(st.dictionaries(NAMES, FINITE, max_size=2)),
        ),
    )
    return replace(made, digest=digest(made.identity()))


@given(records())
def test_what_is_written_is_read(record: Record) -> None:
    again = Record.from_json(record.to_json(), "here")
    assert again == record
    assert again.to_json() == record.to_json()
    assert digest(again.identity()) == record.digest
    assert again.crafting() == record.crafting()
    assert again.access is record.access


def _schema_1(record: Record) -> dict[str, Any]:
    """The file that the first version would have written of a record."""
    content = json.loads(record.to_json())
    for name in ("direction", "role", "effort", "passes", "headline"):
        del content[name]
    for model in filter(None, (content["model"], content["surrogate"])):
        del model["distance"], model["size"]
    del content["cost"]["learning"]
    return content | {"schema": 1}


@pytest.mark.parametrize(
    ("record", "role", "effort", "passes", "headline"),
    [
        (make_record(options={"steps": 100, "passes": 4}), Role.ATTACK, Effort(option="steps", value=100), 4, "map"),
        (make_record(attack="noise"), Role.REFERENCE, None, 1, "map"),
        (make_record(attack="strongest", options={"passes": True}), Role.YARDSTICK, None, 1, "map"),
        (make_record(options={"steps": None}, target=0.5), Role.ATTACK, None, 1, "map"),
        (
            make_record(protocols={"precision": "p", "map@10": "m"}, headline="map@10"),
            Role.ATTACK,
            None,
            1,
            "map@10",
        ),
        (make_record(protocols={"recall": "r", "map": "m"}, headline="map"), Role.ATTACK, None, 1, "map"),
        (make_record(surrogate=make_model("hashnet", bits=64)), Role.ATTACK, None, 1, "map"),
    ],
)
def test_what_schema_1_leaves_unsaid_is_what_it_meant(
    tmp_path: Path, record: Record, role: Role, effort: Effort | None, passes: int, headline: str
) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(_schema_1(record)))
    found = read_record(path)
    assert found == replace(record, attack=replace(record.attack, role=role, effort=effort, passes=passes))
    assert found.scoring.headline == headline
    assert found.digest == record.digest == digest(found.identity())
    assert found.victim.direction is Direction.I2I
    assert found.victim.model.distance is Distance.HAMMING


def test_a_digest_of_the_first_version_is_still_the_same() -> None:
    """Written out from the first version's definition: a digest that moved would evaluate everything again."""
    record = make_record(defense="saat", options={"steps": 10}, surrogate=make_model("hashnet", bits=64))
    content = _schema_1(record)
    crafting = ("dataset", "attack", "goal", "epsilon", "seed", "shard_size", "precision", "compiled", "versions")
    scoring = ("model", "defense", "relevance", "protocols", "retriever", "qualities")
    source = {"source": {"model": content["surrogate"], "defense": None}, "device": "cpu"}
    assert record.digest == digest({name: content[name] for name in (*crafting, *scoring)} | source)


def test_what_the_first_version_could_not_say_makes_another_digest() -> None:
    protocols = {"map": "m", "recall": "r"}
    usual = make_record(protocols=protocols)
    for other in (
        make_record(protocols=protocols, direction=Direction.I2T),
        make_record(protocols=protocols, headline="recall"),
        make_record(protocols=protocols, model=make_model(distance=Distance.COSINE)),
    ):
        assert digest(other.identity()) not in (usual.digest, digest(replace(usual, digest="").identity()))
    assert "headline" not in usual.identity()
    assert "direction" not in usual.identity()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "truncated"),
        (b"\xff", "invalid character"),
        (b"[" * 100_000, "recursion"),
        (b'{"schema": 1}', "missing required field"),
        (b'{"schema": 3}', "schema 3, this version reads up to 2"),
        (b'{"schema": [2]}', "schema: Expected `int`, got `array`"),
        (b'{"schema": 2, "epsilon": NaN}', "malformed"),
    ],
)
def test_a_file_that_is_no_record_is_one_error_that_names_it(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_record(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_options_that_are_nested_without_end_are_refused() -> None:
    nested: Any = 1
    for _ in range(30):
        nested = [nested]
    with pytest.raises(InputError, match="attack: options are nested more than 20 levels deep"):
        Record.from_json(make_record(options={"a": nested}).to_json(), "here")


def test_a_message_about_a_strangers_file_has_no_control_characters() -> None:
    content = json.loads(make_record().to_json())
    for place in ("\x1b[31mred\nline", "\u202ereversed"):
        with pytest.raises(InputError) as caught:
            Record.from_json(json.dumps({**content, "goal": place}), "here")
        assert caught.value.message.isprintable()
        with pytest.raises(InputError) as caught:
            Record.from_json(json.dumps({**content, place: 1}), "here")
        assert caught.value.message.isprintable()


def test_costs_add_up() -> None:
    one = Cost(forward=1, backward=2, queries=3, seconds=0.5)
    learning = Cost(forward=10, backward=20, seconds=1.0, learning=Spent(forward=100, backward=200, seconds=2.0))
    assert one + one == Cost(forward=2, backward=4, queries=6, seconds=1.0)
    assert (one + learning).learning == learning.learning
    assert (learning + learning).learning == Spent(forward=200, backward=400, seconds=4.0)


def test_learning_is_told_and_its_time_is_not_reproducible() -> None:
    record = make_record(learning=Spent(forward=5, backward=6, seconds=7.0))
    again = Record.from_json(record.to_json(), "here")
    assert again.outcome.cost.learning == Spent(forward=5, backward=6, seconds=7.0)
    assert record.reproducible()["cost"]["learning"] == {"forward": 5, "backward": 6}


def test_access_is_what_the_attack_knew() -> None:
    surrogate = make_model("hashnet")
    found = [make_record(), make_record(surrogate=surrogate), make_record(surrogate=surrogate, queries=3)]
    assert [record.access for record in found] == [Access.WHITE_BOX, Access.TRANSFER, Access.QUERIES]


def test_a_changed_record_gets_a_digest_of_its_own() -> None:
    record = make_record()
    changed = with_digest(replace(record, created="2027-01-01T00:00:00+00:00"))
    assert changed.digest != record.digest
    assert with_digest(changed) == changed
    assert Record.from_json(changed.to_json(), "here") == changed


def test_a_models_size_is_in_bits_or_in_dimensions() -> None:
    codes, descriptors = make_model(bits=48), make_model(bits=512, distance=Distance.L2)
    assert [(one.bits, one.label) for one in (codes, descriptors)] == [(48, "48 bit"), (None, "512 d")]
    assert "size" not in codes.identity()
    assert descriptors.identity()["distance"] == "l2"


def test_stages_are_told_from_other_names_and_have_an_order() -> None:
    names = [CLEAN, ADVERSARIAL, UNROUNDED, *after_jpeg(75)]
    assert all(is_stage(name) for name in names)
    assert not any(is_stage(name) for name in ("psnr", "trace", "jpeg-", "jpeg-x", "clean-jpeg-7.5", "clean/map"))
    assert in_order(reversed(names)) == [CLEAN, ADVERSARIAL, UNROUNDED, "clean-jpeg-75", "jpeg-75"]


def test_arrays_are_sorted_by_what_they_are_about_and_come_back_by_their_names() -> None:
    named = {
        "clean": np.zeros((2, 4), np.uint8),
        "jpeg-40": np.ones((2, 4), np.uint8),
        "psnr": np.array([30.0, 31.0]),
        "clean/map": np.array([0.5, 0.25]),
        "jpeg-40/t-map": np.array([0.1, 0.2]),
        "adversarial/map/strict": np.array([0.3, 0.4]),
        "clean/neighbours": np.array([[3], [4]]),
        "other/map": np.array([1.0, 0.5]),
    }
    arrays = QueryArrays.from_arrays(named)
    assert set(arrays.codes) == {"clean", "jpeg-40"}
    assert set(arrays.columns) == {"psnr", "other/map"}
    assert set(arrays.neighbours) == {"clean"}
    assert set(arrays.scores) == {
        ScoreKey("clean", "map"),
        ScoreKey("jpeg-40", "map", Against.TARGET),
        ScoreKey("adversarial", "map/strict"),
    }
    assert arrays.scores_of("jpeg-40", "map", Against.TARGET)[1] == 0.2
    back = arrays.to_arrays()
    assert back.keys() == named.keys()
    assert all(back[name] is array for name, array in named.items())


def test_an_array_that_is_missing_is_named() -> None:
    arrays = QueryArrays()
    for call, name in (
        (lambda: arrays.codes_at(CLEAN), "clean"),
        (lambda: arrays.scores_of(CLEAN, "map", Against.TARGET), "clean/t-map"),
        (lambda: arrays.column("linf"), "linf"),
    ):
        with pytest.raises(InputError, match=f"lack {name}"):
            call()


def test_a_record_of_edits_is_read_back_and_one_of_linf_is_written_as_ever() -> None:
    from robusthash.specs import Norm

    tags = make_record(epsilon=3.0, norm=Norm.TAGS)
    assert json.loads(tags.to_json())["norm"] == "tags"
    assert Record.from_json(tags.to_json(), "tags.json") == tags
    assert "norm" not in json.loads(make_record().to_json())
    assert tags.digest != make_record(epsilon=1.0).digest
    altered = tags.to_json().replace('"norm": "tags"', '"norm": "linf"').replace('"epsilon": 3.0', '"epsilon": 0.5')
    with pytest.raises(InputError, match="was changed after it was written"):
        Record.from_json(altered, "tags.json")
    fraction = tags.to_json().replace('"epsilon": 3.0', '"epsilon": 2.5')
    with pytest.raises(InputError, match=r"edits is 2\.5"):
        Record.from_json(fraction, "tags.json")
