"""Neighbours: the nearest items by the model's distance, ties by position, of items that are comparable."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import robusthash as rh
from robusthash.cli import run
from robusthash.contracts import ArrayTexts, Modality
from robusthash.errors import CapabilityError, InputError, RobustHashWarning
from robusthash.evaluation.finding.sheet import MOST, drawn
from robusthash.evaluation.finding.wording import bags

MODEL = ["--model", "model.py:build", "--bits", "12", "--image-size", "16", "--quiet"]
ONE = "photographs/class 1/04.png"


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["search", *arguments, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.usefixtures("photographs")
def test_a_folder_and_its_file_have_the_nearest_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hash", "photographs", *MODEL, "--output", "codes.safetensors"]) == 0
    hashed = rh.Hashed.read("codes.safetensors")
    bits = np.unpackbits(hashed.representation.numpy(), axis=1)
    own = hashed.names.index("class 1/04.png")
    distances = (bits != bits[own]).sum(1)
    wanted = sorted(range(len(hashed)), key=lambda item: (distances[item], item))[:7]
    for database in ("photographs", "codes.safetensors"):
        answer = found(capsys, ONE, *MODEL, "--database", database, "-k", "7", "--retriever", "torch")
        (query,) = answer["queries"]
        assert query["query"] == ONE
        assert [near["item"] for near in query["neighbours"]] == wanted
        assert [near["distance"] for near in query["neighbours"]] == [distances[item] for item in wanted]
        assert [near["name"] for near in query["neighbours"]] == [hashed.names[item] for item in wanted]
        assert answer["items"] == 29


@pytest.mark.usefixtures("photographs")
def test_a_broken_query_is_named_and_the_others_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    answer = found(capsys, "photographs", *MODEL, "--database", "photographs", "-k", "1")
    assert len(answer["queries"]) == 29
    assert all(query["neighbours"][0]["distance"] == 0 for query in answer["queries"])
    assert {one["name"] for one in answer["skipped"]} == {"photographs/class 0/03.png", "class 0/03.png"}


@pytest.mark.usefixtures("photographs")
@pytest.mark.parametrize(
    ("other", "what"),
    [
        (["--model", "other.py:build", "--bits", "12", "--image-size", "16"], "model model"),
        (["--model", "model.py:build", "--bits", "16", "--image-size", "16"], "size 12 bit, and 16 bit of the queries"),
        (["--model", "model.py:build", "--bits", "12", "--image-size", "32"], "inputs"),
        (["--model", "model.py:descriptors", "--image-size", "16"], "6 d, cosine of the queries"),
    ],
)
def test_items_of_another_model_are_refused(other: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hash", "photographs", *MODEL, "--output", "codes.safetensors"]) == 0
    assert run(["search", ONE, *other, "--quiet", "--database", "codes.safetensors"]) == 2
    told = capsys.readouterr().err
    assert "cannot be searched" in told
    assert what in told


@pytest.mark.usefixtures("photographs")
def test_other_preprocessing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hash", "photographs", *MODEL, "--output", "codes.safetensors"]) == 0
    folder = ["--dataset", "folder", "--data-root", "photographs", "-o", "folder.resize=20", "-o", "folder.size=16"]
    model = ["--model", "model.py:build", "--bits", "12", "--quiet", *folder]
    assert run(["search", ONE, *model, "--database", "codes.safetensors"]) == 2
    assert "preprocessing shorter side 18, and shorter side 20 of the queries" in capsys.readouterr().err


@pytest.mark.usefixtures("photographs")
def test_descriptors_are_searched_by_their_cosine(capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", "model.py:descriptors", "--image-size", "16", "--quiet"]
    assert run(["hash", "photographs", *model, "--output", "items.safetensors"]) == 0
    items = rh.Hashed.read("items.safetensors").representation.numpy()
    unit = items / np.linalg.norm(items, axis=1, keepdims=True)
    answer = found(capsys, ONE, *model, "--database", "items.safetensors", "-k", "29")
    own = answer["queries"][0]["neighbours"][0]["item"]
    assert answer["queries"][0]["neighbours"][0]["name"] == "class 1/04.png"
    given = {near["item"]: near["distance"] for near in answer["queries"][0]["neighbours"]}
    assert [given[item] for item in range(29)] == pytest.approx((1 - unit @ unit[own]).tolist(), abs=1e-5)


@pytest.mark.usefixtures("place")
def test_queries_of_a_dataset_are_judged_by_their_labels(capsys: pytest.CaptureFixture[str]) -> None:
    model = [*MODEL, "--dataset", "digits"]
    drawn_ = found(capsys, "--queries", "3", *model, "-k", "4")
    assert len(drawn_["queries"]) == 3
    for query in drawn_["queries"]:
        for near in query["neighbours"]:
            assert near["relevant"] == (near["labels"] == query["labels"])
    named = found(capsys, "--query", drawn_["queries"][1]["query"], *model, "-k", "4")
    assert named["queries"] == drawn_["queries"][1:2]
    assert run(["hash", *model, "--output", "digits.safetensors"]) == 0
    stored = found(capsys, "--queries", "3", *model, "-k", "4", "--database", "digits.safetensors")
    assert stored["queries"] == drawn_["queries"]


@pytest.mark.usefixtures("photographs")
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "nothing to search for"),
        ([ONE, "--queries", "2"], "pictures and --queries are given"),
        (["--query", "none", "--dataset", "digits"], "has no item 'none'"),
        (["--text", "two dogs", "--dataset", "digits"], "no direction with texts as queries"),
        (["nothing.png"], "cannot read picture nothing.png"),
        ([ONE, "--database", "nowhere"], "cannot read --database nowhere"),
        ([ONE, "--database", "model.py"], "model.py is truncated or not a safetensors file"),
        ([ONE, "--picture", "sheet.tif"], "'.tif'"),
        ([ONE, "--direction", "i2x"], "unknown direction 'i2x'"),
        (["photographs/class 0/03.png", "--database", "photographs"], "none of the 1 pictures can be read"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_searched_is_told(arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", *arguments, *MODEL]) == 2
    assert what in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_a_text_searches_images_and_an_image_texts(capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", "model.py:towers", "--bits", "16", "--dataset", "pairs-digits", "--quiet"]
    by_text = found(capsys, "--text", "Seven, odd PRIME!", *model, "-k", "3", "--picture", "sheet.png")
    assert by_text["direction"] == "t2i"
    assert by_text["queries"][0]["query"] == "Seven, odd PRIME!"
    assert found(capsys, "--queries", "2", *model, "--direction", "i2t")["direction"] == "i2t"
    assert run(["hash", *model, "--modality", "text", "--output", "texts.safetensors"]) == 0
    Image.new("RGB", (30, 30), "white").save("one.png")
    among_texts = found(capsys, "one.png", *model, "--database", "texts.safetensors")
    assert among_texts["direction"] == "i2t"
    data = rh.load_dataset("pairs-digits")
    (query,) = bags(["Seven, odd PRIME!"], data.query.view("text")).inputs([0])
    words = data.query.view("text").vocabulary
    assert words is not None
    assert {words[column] for column in query.nonzero().flatten().tolist()} == {"seven", "odd", "prime"}


def test_words_that_the_vocabulary_lacks_are_told() -> None:
    view = ArrayTexts(torch.zeros(1, 3), Modality.text(3, tags=True), ("big dog", "dog", "cat"))
    with pytest.warns(RobustHashWarning, match="'a', 'barks'"):
        found_ = bags(["a big dog barks"], view)
    assert found_.inputs([0]).tolist() == [[1, 1, 0]]
    with pytest.raises(InputError, match="no word of the text 'doge'"):
        bags(["doge"], view)
    with pytest.raises(CapabilityError, match="without a vocabulary"):
        bags(["dog"], ArrayTexts(torch.zeros(1, 3), Modality.text(3)))


@pytest.mark.usefixtures("photographs")
def test_a_contact_sheet_shows_what_the_model_is_given() -> None:
    model = rh.wrap(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 8)), image_size=16)
    answer = rh.search(model, ONE, database="photographs", neighbours=2)
    answer.picture("sheet.jpg")
    sheet = drawn(answer)
    with Image.open("sheet.jpg") as picture:
        assert picture.size == sheet.size
    pixels = np.asarray(sheet)
    blue, grey = (np.abs(pixels - np.array(colour)).sum(2) == 0 for colour in ((31, 95, 191), (136, 136, 136)))
    assert blue.any()  # the frame of the query
    assert grey.any()  # of neighbours whose labels are unknown
    view = answer.query_view.inputs([0])[0]
    rows, columns = np.nonzero(blue)
    corner = pixels[rows.min() + 3, columns.min() + 3] / 255
    assert corner == pytest.approx(view[:, 0, 0].numpy())  # small pictures keep their pixels
    many = rh.search(model, ["photographs"] * 1, database="photographs", neighbours=1)
    assert drawn(many).height > sheet.height
    more = rh.search(model, queries=MOST + 5, dataset="digits", neighbours=1)
    assert drawn(more).height < (MOST + 1) * drawn(many).height / len(many.answers)


@pytest.mark.usefixtures("photographs")
def test_a_sheet_is_drawn_without_the_items_that_are_gone() -> None:
    model = rh.wrap(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 8)), image_size=16)
    hashed = rh.hash(model, "photographs", output="codes.safetensors")
    Path("photographs").rename("elsewhere")
    answer = rh.search(model, "elsewhere/class 1/04.png", database=hashed, neighbours=2)
    assert answer.item_view is None
    assert drawn(answer).height > 128


@pytest.mark.usefixtures("photographs")
def test_a_picture_that_is_gone_is_no_black_picture_on_the_sheet() -> None:
    model = rh.wrap(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 8)), image_size=16)
    hashed = rh.hash(model, "photographs")
    answer = rh.search(model, ONE, database=hashed, neighbours=1)
    before = np.asarray(drawn(answer))
    (Path("photographs") / answer.answers[0].neighbours[0].name).unlink()
    after = np.asarray(drawn(answer))
    tile = after[(before != after).any(2)]
    assert len(tile) > 10_000  # of 128 x 128
    assert np.median(tile, axis=0).tolist() == [0xDD] * 3  # blank, with its name


@pytest.mark.usefixtures("photographs")
def test_no_picture_is_read_that_is_outside_of_the_folder() -> None:
    model = rh.wrap(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 8)), image_size=16)
    hashed = rh.hash(model, "photographs")
    names = ("../secret.png", *hashed.names[1:])
    Image.new("RGB", (20, 20)).save("secret.png")
    replace(hashed, names=names).write("codes.safetensors")
    answer = rh.search(model, "photographs/class 1/04.png", database="codes.safetensors", neighbours=2)
    assert answer.item_view is None


@pytest.mark.usefixtures("photographs")
def test_a_sheet_has_so_many_neighbours_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", ONE, *MODEL, "--database", "photographs", "-k", "29", "--picture", "sheet.png"]) == 0
    assert "the first 20 of 29 neighbours" in capsys.readouterr().out
    with Image.open("sheet.png") as sheet:
        assert sheet.width < 22 * 150


@pytest.mark.usefixtures("photographs")
def test_a_table_fits_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert run(["search", "--queries", "2", *MODEL, "--dataset", "digits", "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60 or "digits, database split" in max(lines, key=len)
    assert [word in lines[1] for word in ("query", "rank", "distance", "item")] == [True] * 4


def test_an_models_own_flags_are_restored(photographs: Path) -> None:
    model = rh.wrap(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 8)), image_size=16).train()
    rh.search(model, str(photographs / "class 1" / "04.png"), database=str(photographs), neighbours=1)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
