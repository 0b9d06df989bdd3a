"""Figures for papers: what is drawn, of what, and that the same results give the same bytes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from robusthash.cli import run
from robusthash.errors import InputError
from robusthash.results import Pictures, QueryArrays, Record, ResultStore
from robusthash.results.figures import cam as cams
from robusthash.results.figures.canvas import FORMS
from robusthash.results.figures.distribution import save_distribution
from robusthash.results.figures.naming import attack_names, victim_name
from robusthash.results.records.arrays import PIXELS, input_digest
from robusthash.testing.records import make_record

QUERIES, ITEMS, BITS, SIDE = 6, 30, 12, 8
ATTACKS = ("mosaic", "noise", "rnm")
rng = np.random.default_rng(0)
DELIVERED = {name: rng.integers(0, 256, (QUERIES, SIDE, SIDE, 3), dtype=np.uint8) for name in ATTACKS}
CLEAN = rng.integers(0, 256, (QUERIES, SIDE, SIDE, 3), dtype=np.uint8)
DATABASE = {
    "packed": np.packbits(rng.integers(0, 2, (ITEMS, BITS), dtype=np.uint8), axis=1),
    "labels": rng.integers(0, 2, (ITEMS, 3), dtype=np.uint8),
}
Change = Callable[[Record, QueryArrays, Pictures], tuple[Record, QueryArrays, Pictures | None]]


def arrays_of(attack: str) -> QueryArrays:
    codes = np.packbits(rng.integers(0, 2, (2, QUERIES, BITS), dtype=np.uint8), axis=2)
    return QueryArrays.from_arrays(
        {
            "clean": codes[0],
            "adversarial": codes[1],
            "clean/map": np.linspace(0.5, 1, QUERIES),
            "adversarial/map": np.linspace(0, 0.5, QUERIES),
            "clean/neighbours": rng.integers(0, ITEMS, (QUERIES, 10)),
            "adversarial/neighbours": rng.integers(0, ITEMS, (QUERIES, 10)),
            "labels": rng.integers(0, 2, (QUERIES, 3), dtype=np.uint8),
            "ids": np.arange(100, 100 + QUERIES),
            PIXELS: np.stack([input_digest(one.transpose(2, 0, 1)) for one in DELIVERED[attack]]),
        }
    )


def pictures_of(attack: str, rows: list[int]) -> Pictures:
    at = np.array(rows, np.int64)
    return Pictures(
        rows=at,
        clean=CLEAN[at],
        adversarial=DELIVERED[attack][at],
        items=np.arange(0, ITEMS, 2),
        item_images=rng.integers(0, 256, (ITEMS // 2, 4, 4, 3), dtype=np.uint8),
        cam_clean=rng.integers(0, 256, (len(rows), 2, 2), dtype=np.uint8),
        cam_adversarial=rng.integers(0, 256, (len(rows), 2, 2), dtype=np.uint8),
    )


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    store = ResultStore(tmp_path / "results")
    for attack, rows in zip(ATTACKS, ([0, 1, 2], [2, 1, 0], [5, 2, 1]), strict=True):
        record = make_record(attack=attack, bits=BITS)
        store.save(record, arrays_of(attack))
        store.save_pictures(record, pictures_of(attack, rows))
        store.save_database(record, DATABASE)
    return store


def figure(store: ResultStore, *arguments: str, output: Path) -> int:
    return run(["figure", *arguments, "--results", str(store.root), "--output", str(output)])


def rnm(store: ResultStore) -> Record:
    return next(record for record in store.load_all()[0] if record.attack.name == "rnm")


CASES = {
    "cam": ("--attack", "rnm", "--queries", "1"),
    "worst": ("--queries", "1", "--neighbours", "1"),
    "distribution": (),
    "bits": ("--attack", "rnm"),
}


@pytest.mark.parametrize(
    ("kind", "form"), [*((kind, ".svg") for kind in CASES), *(("bits", form) for form in FORMS if form != ".svg")]
)
def test_the_same_results_give_the_same_bytes(store: ResultStore, tmp_path: Path, kind: str, form: str) -> None:
    more = (*CASES[kind], *([rnm(store).digest[:12]] if kind == "worst" else []))
    left, right = tmp_path / f"left{form}", tmp_path / f"right{form}"
    assert figure(store, kind, *more, output=left) == 0
    assert figure(store, kind, *more, output=right) == 0
    assert left.read_bytes() == right.read_bytes()
    assert left.read_bytes()[:4] == {".svg": b"<?xm", ".png": b"\x89PNG", ".pdf": b"%PDF"}[form]


def text(store: ResultStore, *arguments: str, folder: Path) -> str:
    assert figure(store, *arguments, output=folder / "figure.svg") == 0
    return (folder / "figure.svg").read_text(encoding="utf-8")


def test_grad_cam_is_of_queries_that_all_attacks_have_in_the_order_of_the_last(
    store: ResultStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray[Any, Any]] = []
    monkeypatch.setattr(cams, "show", lambda _axes, image: seen.append(image))
    drawn = text(store, "cam", "--attack", "mosaic", "--attack", "noise", "--attack", "rnm", folder=tmp_path)
    expected = [one[row] for row in (2, 1) for one in (CLEAN, *(DELIVERED[name] for name in ATTACKS))]
    assert len(seen) == len(expected)
    assert all(map(np.array_equal, seen, expected))
    places = [drawn.index(f">{name}<") for name in ("clean", "mosaic", "noise", "rnm")]
    assert places == sorted(places)
    seen.clear()
    text(store, "cam", "--attack", "rnm", "--queries", "1", folder=tmp_path)
    assert all(map(np.array_equal, seen, [CLEAN[5], DELIVERED["rnm"][5]]))


def test_worst_queries_are_drawn_with_distances_and_what_is_relevant(store: ResultStore, tmp_path: Path) -> None:
    record = rnm(store)
    drawn = text(store, "worst", record.digest[:12], "--queries", "2", "--neighbours", "2", folder=tmp_path)
    assert [f"query {100 + row}" in drawn for row in range(QUERIES)] == [False, False, True, False, False, True]
    arrays, bits = store.arrays(record), []
    for row in (5, 2):
        for stage in ("clean", "adversarial"):
            items = arrays.neighbours[stage][row][:2]
            apart = np.bitwise_count(DATABASE["packed"][items] ^ arrays.codes[stage][row]).sum(1)
            hits = (DATABASE["labels"][items] & arrays.column("labels")[row]).any(1)
            bits += [
                f"{far} bit{'' if far == 1 else 's'} {'✓' if hit else '✗'}"
                for far, hit in zip(apart, hits, strict=True)
            ]
    for told in set(bits):
        assert drawn.count(f">{told}<") == bits.count(told)


def test_bits_that_turned_are_counted(store: ResultStore, tmp_path: Path) -> None:
    arrays = store.arrays(rnm(store))
    share = np.bitwise_count(arrays.codes["clean"] ^ arrays.codes["adversarial"]).sum() / (QUERIES * BITS)
    assert f"rnm: {share:.1%} of all bits turned" in text(store, "bits", "--attack", "rnm", folder=tmp_path)


def test_a_distribution_has_a_panel_for_each_victim_and_goal(tmp_path: Path) -> None:
    records = [
        make_record(attack="rnm"),
        make_record(attack="rnm", epsilon=0.5),
        make_record(attack="rnm-p2s", target=0.5),
        make_record(attack="rnm", model="hashnet"),
    ]
    targeted = {"clean/t-map": np.full(3, 0.1), "adversarial/t-map": np.full(3, 0.9)}
    arrays = QueryArrays.from_arrays({"clean/map": np.ones(3), "adversarial/map": np.full(3, np.nan), **targeted})
    save_distribution(records, {record.digest: arrays for record in records}, tmp_path / "figure.svg")
    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert drawn.count("share of queries up to it") == 3
    assert "on the target's labels" in drawn
    assert "rnm, Linf 0.5" in drawn


def test_names_differ_by_what_differs() -> None:
    plain, other = make_record(attack="rnm"), make_record(attack="rnm", epsilon=0.5)
    assert attack_names([plain, make_record(attack="hag")]) == ["rnm", "hag"]
    assert attack_names([plain, other])[1] == "rnm, Linf 0.5"
    seeded = replace(other, conditions=replace(other.conditions, seed=7))
    assert attack_names([other, seeded]) == ["rnm, seed 0", "rnm, seed 7"]
    assert attack_names([plain, plain]) == ["rnm", "rnm"]
    with pytest.raises(InputError, match="of several victims"):
        victim_name([plain, make_record(model="hashnet")])


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("cam", "--attack", "hag"), 5, "none of the 3 records"),
        (("cam", "--attack", "rnm", "--output", "x.gif"), 2, "--output x.gif has an unknown suffix"),
        (("worst", "dead"), 2, "no record in"),
        (("cam", "--queries", "0"), 2, "0 is not at least 1"),
    ],
)
def test_mistakes(
    store: ResultStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    named = arguments if "--output" in arguments else (*arguments, "--output", str(tmp_path / "x.svg"))
    assert run(["figure", *named, "--results", str(store.root)]) == code
    assert told in capsys.readouterr().err


def test_without_pictures_or_in_common(store: ResultStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = rnm(store)
    store.save_pictures(record, replace(pictures_of("rnm", [4]), cam_clean=None, cam_adversarial=None))
    out = tmp_path / "x.svg"
    assert figure(store, "cam", output=out) == 2
    assert "each attack has pictures of other queries" in capsys.readouterr().err
    assert figure(store, "cam", "--attack", "rnm", output=out) == 2
    assert "no Grad-CAM is kept" in capsys.readouterr().err
    store.path_of(record).with_suffix(".pictures.npz").unlink()
    assert figure(store, "cam", output=out) == 2
    assert "no pictures are kept of rnm" in capsys.readouterr().err
    assert figure(store, "worst", record.digest[:12], output=out) == 2
    assert "no pictures are kept of" in capsys.readouterr().err
    assert not out.exists()


def test_descriptors_have_no_bits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from robusthash.specs import Distance
    from robusthash.testing.records import make_model

    store = ResultStore(tmp_path / "results")
    record = make_record(model=make_model(distance=Distance.COSINE))
    store.save(record, arrays_of("rnm"))
    store.save_database(record, DATABASE)
    assert figure(store, "bits", output=tmp_path / "x.svg") == 2
    assert "descriptors have no bits" in capsys.readouterr().err


def test_a_strangers_neighbours_outside_the_database_are_refused(
    store: ResultStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = rnm(store)
    arrays = store.arrays(record)
    arrays.neighbours["clean"][5] = ITEMS
    store.save(record, arrays)
    assert figure(store, "worst", record.digest[:12], output=tmp_path / "x.svg") == 2
    assert "not among the items of its database" in capsys.readouterr().err
