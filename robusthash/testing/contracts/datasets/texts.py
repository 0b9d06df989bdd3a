"""Texts beside the images of a dataset: in their box, of one vocabulary, and the same however they are read."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.contracts import IMAGE, Inputs, Modality, RetrievalData, Split, read_inputs
from robusthash.errors import DatasetError
from robusthash.specs import Norm
from robusthash.testing.contracts.datasets.fixtures import DatasetFixtures

_FEW = 8  #: texts read by a test


class Texts(DatasetFixtures):
    """Tests of the views of a dataset's items besides images."""

    def test_texts_are_as_described(self, data: RetrievalData) -> None:
        """One a item, (n, d) float32 in the box and on its levels; a word for each element, in all splits the same."""
        for name, query, view in _views(data):
            assert view.modality == query.modality, "the same in all splits"
            assert view.modality.name == name
            assert view.vocabulary == query.vocabulary, "an element is the same word in all splits"
            if view.vocabulary is not None:
                assert len(set(view.vocabulary)) == len(view.vocabulary) == view.modality.shape[0]
            box, found = view.modality.box, read_inputs(view, range(min(_FEW, len(view))))
            assert torch.equal(box.nearest(found), found), f"values outside {box}, or between its levels"
            if Norm.TAGS in view.modality.edited:
                assert ((found == box.low) | (found == box.high)).all(), "a tag is there or not"

    def test_texts_are_those_of_their_items(self, data: RetrievalData) -> None:
        """Alone, among others, in another order, and in another split; as many as there are items, and no more."""
        for name, _, view in _views(data):
            order = list(range(min(_FEW, len(view))))
            together = view.inputs(order)
            assert torch.equal(view.inputs(order[::-1]), together.flip(0))
            for position in order:
                assert torch.equal(view.inputs([position])[0], together[position])
            assert view.inputs([len(view) - 1]).shape == (1, *view.modality.shape)
            with pytest.raises((IndexError, DatasetError)):
                view.inputs([len(view)])
            place = {one: row for row, one in enumerate(data.database.ids)}
            shared = [(row, place[one]) for row, one in enumerate(data.train.ids) if one in place][:_FEW]
            train, database = (getattr(data, split).view(name) for split in ("train", "database"))
            assert torch.equal(train.inputs([one for one, _ in shared]), database.inputs([one for _, one in shared]))

    def test_the_digest_covers_the_texts(self, data: RetrievalData) -> None:
        """With other texts, or other words, the digest is another one, as for pixels."""
        for name, query, _ in _views(data):
            changed = [other for other in (_reworded(query), _altered(query)) if other is not None]
            if not changed:
                pytest.skip("neither words nor arrays of texts were found to alter")
            for other in changed:
                views = {**data.query.views, name: other}
                split = Split(name="query", views=views, labels=data.query.labels, ids=data.query.ids)
                assert split.digest != data.query.digest, "the digest ignores texts: Inputs.identity must cover them"


def _views(data: RetrievalData) -> Iterator[tuple[str, Inputs, Inputs]]:
    """Names of the views besides images, with that of the query split and that of each split."""
    names = [name for name in data.query.views if name != IMAGE]
    if not names:
        pytest.skip("its items are images alone")
    for name in names:
        for split in (data.query, data.database, data.train):
            assert len(split.view(name)) == len(split), f"{split.name}: an item of each {name}"
            yield name, data.query.view(name), split.view(name)


def _reworded(view: Inputs) -> Inputs | None:
    if view.vocabulary is None:
        return None
    other, words = deepcopy(view), (*view.vocabulary[:-1], f"{view.vocabulary[-1]}s")
    for name, value in list(vars(other).items()):
        if isinstance(value, Modality):
            setattr(other, name, replace(value, vocabulary=words))
    return other if other.vocabulary == words else None


def _altered(view: Inputs) -> Inputs | None:
    """The view with the values of its arrays turned round in the box; None if that changes no text."""
    other, box = deepcopy(view), view.modality.box
    for value in vars(other).values():
        if isinstance(value, Tensor) and value.is_floating_point():
            value.copy_(box.low + box.high - value)
    return None if torch.equal(other.inputs([0]), view.inputs([0])) else other
