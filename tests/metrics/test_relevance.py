"""Relevance from packed labels against sets of labels."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robusthash.errors import ContractError
from robusthash.metrics import Relevance
from robusthash.metrics.counting.labels import PackedLabels, pack_labels
from robusthash.metrics.counting.relevance import Matcher, label_words, relevant, relevant_counts

Label = frozenset[int]

_RULES: dict[Relevance, Callable[[Label, Label], bool]] = {
    Relevance.SHARE_ANY: lambda query, item: bool(query & item),
    Relevance.EXACT: lambda query, item: bool(query) and query == item,
    Relevance.CONTAINS_TARGET: lambda query, item: bool(query) and query <= item,
}


def multi_hot(classes: int) -> st.SearchStrategy[npt.NDArray[np.uint8]]:
    return st.integers(1, 6).flatmap(lambda n: arrays(np.uint8, (n, classes), elements=st.integers(0, 1)))


@pytest.mark.parametrize("relevance", Relevance)
@given(data=st.data(), classes=st.sampled_from([1, 5, 63, 64, 65, 130]))
def test_equals_sets_of_labels(relevance: Relevance, data: st.DataObject, classes: int) -> None:
    queries, items = data.draw(multi_hot(classes)), data.draw(multi_hot(classes))
    sets = [[Label(np.flatnonzero(row).tolist()) for row in part] for part in (queries, items)]
    wanted = np.array([[_RULES[relevance](query, item) for item in sets[1]] for query in sets[0]])
    words = label_words(torch.from_numpy(queries)), label_words(pack_labels(items.astype(bool)))
    np.testing.assert_array_equal(relevant(*words, relevance), wanted)
    matcher = Matcher(words[1], relevance)
    np.testing.assert_array_equal([matcher.match(query).copy() for query in words[0].T], wanted)
    tensors = [torch.from_numpy(part.view(np.int32)) for part in words]
    np.testing.assert_array_equal(relevant(tensors[0], tensors[1], relevance).numpy(), wanted)
    np.testing.assert_array_equal(relevant_counts(queries, items, relevance=relevance), wanted.sum(1))


@pytest.mark.parametrize("relevance", Relevance)
def test_without_labels_nothing_is_relevant(relevance: Relevance) -> None:
    labels = np.array([[0, 0, 0], [1, 0, 1]])
    found = relevant(label_words(labels), label_words(labels), relevance)
    assert found.tolist() == [[False, False], [False, True]]


def test_class_indices_are_refused() -> None:
    with pytest.raises(ContractError, match="multi-hot"):
        pack_labels(torch.tensor([3, 1, 4]))


def test_packed_labels_are_taken_as_they_are() -> None:
    packed = PackedLabels(octets=np.array([[0b1010_0000]], np.uint8), classes=3)
    assert pack_labels(packed) is packed
    assert packed.shape == (1, 3)
    assert relevant_counts(packed, np.array([[0, 1, 0], [0, 0, 1]]), relevance=Relevance.SHARE_ANY).tolist() == [1]
    with pytest.raises(ContractError, match="packed labels have shape"):
        PackedLabels(octets=np.zeros((1, 2), np.uint8), classes=8)


def test_without_classes_nothing_is_relevant() -> None:
    none = np.zeros((2, 0))
    assert relevant_counts(none, none, relevance=Relevance.EXACT).tolist() == [0, 0]
    assert relevant(label_words(none), label_words(none), Relevance.EXACT).tolist() == [[False] * 2] * 2
