"""Scores in one call: every way to give codes and labels is the same number, and every wrong one is one clear error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import robusthash.metrics as metrics
from robusthash.errors import OptionError, UnknownNameError, UsageError
from robusthash.hashing import pack
from robusthash.metrics import CORE_METRICS, Relevance, distance_histograms
from robusthash.testing.contracts.metrics import made

BITS = 12
RANDOM = torch.Generator().manual_seed(0)
QUERIES, ITEMS = (torch.randint(0, 2, (n, BITS), generator=RANDOM) * 2 - 1 for n in (9, 60))
QUERY_IDS, ITEM_IDS = (torch.randint(0, 5, (n,), generator=RANDOM) for n in (9, 60))
QUERY_HOT, ITEM_HOT = (torch.nn.functional.one_hot(ids, 5) for ids in (QUERY_IDS, ITEM_IDS))
HISTOGRAMS = distance_histograms(pack(QUERIES), pack(ITEMS), QUERY_HOT, ITEM_HOT, bits=BITS)

CODES: dict[str, Callable[[torch.Tensor], Any]] = {
    "int64 signs": lambda codes: codes,
    "int8 signs": lambda codes: codes.to(torch.int8),
    "float signs": lambda codes: codes.float().requires_grad_(),
    "half signs": lambda codes: codes.to(torch.bfloat16),
    "numpy signs": lambda codes: codes.numpy().astype(np.float64),
    "booleans": lambda codes: codes > 0,
    "numpy booleans": lambda codes: (codes > 0).numpy(),
    "bits": lambda codes: (codes > 0).to(torch.uint8),
    "lists": lambda codes: codes.tolist(),
    "a list of tensors": lambda codes: list(codes),
    "a list of booleans": lambda codes: (codes > 0).tolist(),
}
LABELS: dict[str, Callable[[torch.Tensor], Any]] = {
    "one-hot": lambda ids: torch.nn.functional.one_hot(ids, 5),
    "floats": lambda ids: torch.nn.functional.one_hot(ids, 5).float(),
    "booleans": lambda ids: torch.nn.functional.one_hot(ids, 5).bool().numpy(),
    "ids": lambda ids: ids,
    "int8 ids": lambda ids: ids.numpy().astype(np.int8),
    "sparse ids": lambda ids: (ids * 10**12 + 7).tolist(),
}


@pytest.mark.parametrize("spec", CORE_METRICS, ids=lambda spec: spec.name)
def test_a_score_is_that_of_the_registered_metric(spec: Any) -> None:
    scores = made(spec).per_query(HISTOGRAMS)
    given = QUERIES, QUERY_HOT, ITEMS, ITEM_HOT
    assert metrics.score(spec.name, *given) == scores.mean()
    np.testing.assert_array_equal(metrics.score(spec.name, *given, per_query=True), scores.expected)


@pytest.mark.parametrize("form", CODES)
def test_every_form_of_codes_is_the_same(form: str) -> None:
    wanted = metrics.map(QUERIES, QUERY_HOT, ITEMS, ITEM_HOT)
    assert isinstance(wanted, float)
    assert 0 < wanted < 1
    assert metrics.map(CODES[form](QUERIES), QUERY_HOT, CODES[form](ITEMS), ITEM_HOT) == wanted
    assert metrics.map(CODES[form](QUERIES), QUERY_HOT, ITEMS, ITEM_HOT) == wanted


@pytest.mark.parametrize("form", [lambda packed: packed, torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.int])
def test_packed_codes_are_the_same(form: Callable[[torch.Tensor], Any]) -> None:
    wanted = metrics.map(QUERIES, QUERY_HOT, ITEMS, ITEM_HOT)
    assert metrics.map(form(pack(QUERIES)), QUERY_HOT, form(pack(ITEMS)), ITEM_HOT, bits=BITS) == wanted


@pytest.mark.parametrize("form", LABELS)
@pytest.mark.parametrize("relevance", Relevance)
def test_every_form_of_labels_is_the_same(form: str, relevance: Relevance) -> None:
    wanted = metrics.map(QUERIES, QUERY_HOT, ITEMS, ITEM_HOT, per_query=True)
    labels = LABELS[form](QUERY_IDS), LABELS[form](ITEM_IDS)
    found = metrics.map(QUERIES, labels[0], ITEMS, labels[1], relevance=str(relevance), per_query=True)
    np.testing.assert_array_equal(found, wanted)


def test_the_rule_of_relevance_counts_for_several_labels() -> None:
    codes = [[1, 1], [1, 1]]
    queries, items = [[1, 1, 0], [1, 0, 0]], [[1, 0, 0], [1, 1, 1]]
    found = {
        rule: metrics.precision(codes, queries, codes, items, k=2, relevance=rule, per_query=True) for rule in Relevance
    }
    assert found[Relevance.SHARE_ANY].tolist() == [1.0, 1.0]  # type: ignore[union-attr]
    assert found[Relevance.EXACT].tolist() == [0.0, 0.5]  # type: ignore[union-attr]
    assert found[Relevance.CONTAINS_TARGET].tolist() == [0.5, 1.0]  # type: ignore[union-attr]


def test_named_functions_are_the_named_metrics() -> None:
    given = QUERIES, QUERY_IDS, ITEMS, ITEM_IDS
    assert metrics.map(*given, k=1000) == metrics.score("map@1000", *given)
    assert metrics.map(*given, k=3) != metrics.map(*given)
    assert metrics.precision(*given, k=100) == metrics.score("precision@100", *given)
    assert metrics.precision_within(*given, radius=2) == metrics.score("precision@r2", *given)


def without(array: torch.Tensor, value: float) -> torch.Tensor:
    """The same, with one value in a corner."""
    changed = array.clone().float()
    changed[0, 0] = value
    return changed


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "logits": ({"query_codes": 0.3 * QUERIES}, "query_codes are neither signs nor bits, with the values -0.3, 0.3"),
    "a zero among signs": (
        {"item_codes": without(ITEMS, 0)},
        "item_codes are neither signs nor bits, with the values -1, 0, 1",
    ),
    "NaN": ({"query_codes": without(QUERIES, float("nan"))}, "query_codes have NaN"),
    "infinity": ({"item_codes": without(ITEMS, float("inf"))}, "item_codes have NaN or inf"),
    "one code": ({"query_codes": QUERIES[0]}, r"query_codes have shape \(12,\)"),
    "images": ({"query_codes": torch.ones(9, 3, 2, 2)}, r"query_codes have shape \(9, 3, 2, 2\)"),
    "ragged": ({"query_codes": [[1, 1], [1]]}, "query_codes have rows of different lengths"),
    "words": ({"item_codes": [["a", "b"]]}, "item_codes are list of <U1, not numbers"),
    "nothing": ({"item_codes": None}, "item_codes are NoneType"),
    "no queries": ({"query_codes": QUERIES[:0]}, "query_codes are empty"),
    "no bits": ({"query_codes": QUERIES[:, :0]}, "query_codes have no bits"),
    "other length": ({"query_codes": QUERIES[:, :8]}, "query_codes have 8 bits, item_codes 12"),
    "packed without bits": ({"query_codes": pack(QUERIES), "item_codes": pack(ITEMS)}, "query_codes are neither signs"),
    "bits without packed": ({"bits": 12}, "query_codes are not bytes, and bits is given"),
    "packed to another length": ({"query_codes": pack(QUERIES), "bits": 24}, "not packed codes of 24 bits"),
    "packed with padding": (
        {"query_codes": pack(QUERIES) | 1, "bits": 12},
        "query_codes are codes with set bits after",
    ),
    "no such length": ({"query_codes": pack(QUERIES), "bits": 0}, "bits is 0"),
    "labels of others": ({"query_labels": QUERY_HOT[:5]}, "query_labels are 5, for 9 codes"),
    "too many ids": ({"item_labels": torch.zeros(61, dtype=torch.int64)}, "item_labels are 61, for 60 codes"),
    "ids and rows": ({"query_labels": QUERY_IDS}, r"query_labels have shape \(9,\), item_labels \(60, 5\)"),
    "other classes": ({"query_labels": QUERY_HOT[:, :4]}, "query_labels have 4 classes, item_labels 5"),
    "a column of ids": (
        {"query_labels": 3 + QUERY_IDS[:, None]},
        "query_labels of shape .* have values other than 0 and 1",
    ),
    "negative ids": (
        {"query_labels": QUERY_IDS - 9, "item_labels": ITEM_IDS},
        "query_labels of shape .* are no class ids",
    ),
    "fractional ids": ({"query_labels": QUERY_IDS / 2, "item_labels": ITEM_IDS}, "query_labels .* are no class ids"),
    "NaN labels": ({"query_labels": without(QUERY_HOT, float("nan"))}, "query_labels have NaN"),
    "a scalar": ({"item_labels": 3}, r"item_labels have shape \(\)"),
    "no such rule": ({"relevance": "some"}, "relevance is 'some'.*share-any, exact, contains-target"),
    "no place": ({"k": 0}, "k is 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_wrong_thing_is_one_clear_error(case: str) -> None:
    changes, message = WRONG[case]
    given = {"query_codes": QUERIES, "query_labels": QUERY_HOT, "item_codes": ITEMS, "item_labels": ITEM_HOT} | changes
    with pytest.raises(UsageError, match=message) as caught:
        metrics.map(**given)
    assert caught.value.hint


def test_unknown_metrics_are_told_with_the_near_miss() -> None:
    with pytest.raises(UnknownNameError, match="prosgan@5000"):
        metrics.score("prosgan@500", QUERIES, QUERY_IDS, ITEMS, ITEM_IDS)
    with pytest.raises(OptionError, match="radius"):
        metrics.precision_within(QUERIES, QUERY_IDS, ITEMS, ITEM_IDS, radius=-1)
