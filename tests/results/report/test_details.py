"""Numbers of single records, against what is computed otherwise."""

import numpy as np
import pytest
import torch

from robusthash.hashing.codes import pack
from robusthash.metrics.counting.relevance import label_words
from robusthash.metrics.counting.relevance import relevant as reference
from robusthash.results.report.charts.axes import axis_at, round_axis
from robusthash.results.report.charts.svg import element
from robusthash.results.report.details.classes import class_table
from robusthash.results.report.details.codes import distances, ones, relevant, turned
from robusthash.results.report.details.images import difference, overlay, picture
from robusthash.specs import Distance, Relevance


@pytest.mark.parametrize("relevance", Relevance)
def test_relevance_is_that_of_the_metrics(relevance):
    random = np.random.default_rng(0)
    queries, items = random.integers(0, 2, size=(2, 40, 3), dtype=np.uint8)
    wanted = reference(label_words(queries), label_words(items), relevance)
    assert np.array_equal([relevant(one, items, relevance) for one in queries], wanted)


def test_bits_are_counted_in_the_order_of_the_codes():
    random = np.random.default_rng(0)
    clean, attacked = (torch.from_numpy(one) for one in random.choice([-1, 1], size=(2, 30, 19)))
    packed = pack(clean).numpy(), pack(attacked).numpy()
    assert turned(*packed, 19).tolist() == pytest.approx((clean != attacked).double().mean(0).tolist())
    assert ones(packed[0], 19).tolist() == pytest.approx((clean > 0).double().mean(0).tolist())
    far = distances(packed[0][0], packed[1], Distance.HAMMING)
    assert far.tolist() == (clean[0] != attacked).sum(1).tolist()


def test_distances_of_descriptors():
    query, items = np.array([3.0, 4.0]), np.array([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]])
    assert distances(query, items, Distance.L2).tolist() == pytest.approx([0, 18**0.5, 5])
    assert distances(query, items, Distance.COSINE).tolist() == pytest.approx([0, 0.2, 1])


def test_classes():
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]])
    table = class_table(labels, np.array([1.0, 0.5, np.nan]), np.array([0.0, 0.25, 0.5]), "MAP")
    assert [line.cells for line in table.lines] == [
        ("0", "2", "0.750", "0.125", "-0.625"),
        ("1", "1", "0.500", "0.250", "-0.250"),
    ]


def test_difference_fills_the_range_and_clips_nothing():
    clean = np.full((2, 2, 3), 100, np.uint8)
    attacked = clean.copy()
    attacked[0, 0, 0], attacked[1, 1, 1] = 110, 95
    shown, factor = difference(clean, attacked)
    assert factor == pytest.approx(12.7)
    assert shown[0, 0, 0] == 255
    assert shown[1, 1, 1] == 128 - 64
    assert shown[0, 1, 2] == 128
    assert difference(clean, clean)[1] == 1


def test_hotter_is_lighter():
    image = np.full((8, 8, 3), 120, np.uint8)
    heat = np.repeat(np.linspace(0, 255, 8).astype(np.uint8)[None], 8, 0)
    lightness = overlay(image, heat).astype(float).mean(2)[4]
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize(("side", "tiny"), [(8, True), (48, True), (64, False), (500, False)])
def test_pictures_are_small(side, tiny):
    random = np.random.default_rng(0)
    found = picture(random.integers(0, 256, size=(side, side, 3), dtype=np.uint8), "x")
    assert found.tiny is tiny
    assert len(found.uri) < 30_000


def test_axes():
    axis = round_axis(0, 0.973, "")
    assert (axis.low, axis.high) == (0, 1)
    assert axis.share(0.25) == 0.25
    assert round_axis(3, 3, "").low < 3
    assert round_axis(float("nan"), 1, "").ticks
    doubled = axis_at([(16, "16"), (32, "32"), (64, "64")], "", logarithmic=True)
    assert doubled.share(32) == pytest.approx(0.5)


def test_svg_escapes_text_and_attributes():
    made = element("text", '<b a="1">\u202e', title='"><script>').markup
    assert made == '<text title="&quot;&gt;&lt;script&gt;">&lt;b a=&quot;1&quot;&gt;\\u202e</text>'
