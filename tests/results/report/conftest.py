"""A small results folder of every kind of record, and the report that is made of it."""

import pytest

from robusthash.results import Flag, ResultStore
from robusthash.testing.records import make_model, make_record
from robusthash.testing.stored import store_made_up

FLAG = Flag(id="RH003", message="rnm is weaker than noise of the same radius")


@pytest.fixture(scope="package")
def results(tmp_path_factory):
    """Records of two victims: noise, attacks at three radii, with flags, targeted, transferred, of two code lengths."""
    folder = tmp_path_factory.mktemp("records") / "results"
    surrogate = make_model("hashnet", weights="b2")
    records = [
        make_record(attack="noise", after=0.88),
        make_record(attack="rnm", after=0.7, epsilon=4 / 255, options={"steps": 100}),
        make_record(attack="rnm", after=0.3, options={"steps": 100}),
        make_record(attack="rnm", after=0.2, epsilon=16 / 255, options={"steps": 100}),
        make_record(attack="rnm", after=0.4, options={"steps": 10}, created="2026-01-02T03:04:06+00:00"),
        make_record(attack="hag", after=0.25, qualities=(75,)),
        make_record(attack="rnm-p2s", after=0.4, target=0.8, options={"steps": 100}),
        make_record(attack="rnm", after=0.6, surrogate=surrogate, options={"steps": 100}),
        make_record(model="hashnet", weights="b2", attack="rnm", after=0.5, options={"steps": 100}, flags=(FLAG,)),
        make_record(model="hashnet", weights="b2", attack="noise", after=0.87),
        make_record(bits=64, weights="c3", attack="rnm", after=0.35, options={"steps": 100}),
    ]
    store_made_up(ResultStore(folder), records, pictures=2)
    return folder
