"""Seeded faults of ensembles: the contract sees each, and nothing in the sound one that they are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from robusthash.contracts import Ensemble
from robusthash.specs import Capability, Goal, Norm
from robusthash.testing import EnsembleContract
from robusthash.testing.faults import faulty


@dataclass(frozen=True, kw_only=True)
class Good(Ensemble):
    """A sound ensemble, to be spoilt below."""

    members: tuple[str, ...] = ("rnm", "hag")  #: registered names
    restarts: int = 2  #: tries
    broken: float = 0.01  #: margin

    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset({Capability.GRADIENTS})

    @property
    def norms(self) -> frozenset[Norm]:
        return frozenset({Norm.LINF, Norm.L2})

    def given(self, member: str) -> Mapping[str, Any]:
        return {"steps": 20}


class TestGood(EnsembleContract):
    @pytest.fixture
    def ensemble(self) -> Ensemble:
        return Good()


class Targeted(Good):
    @property
    def goal(self) -> Goal:
        return Goal.TARGETED


class Poor(Good):
    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset({Capability.GRADIENTS, Capability.LABELS})


class Anywhere(Good):
    @property
    def norms(self) -> frozenset[Norm]:
        return frozenset({Norm.LINF, Norm.TAGS})


class Generous(Good):
    def given(self, member: str) -> Mapping[str, Any]:
        return {"stepz": 20}


JUDGED = "members_can_be_judged_beside_one_another"

TestUnknownMember = faulty(EnsembleContract, JUDGED, ensemble=lambda: Good(members=("rnm", "absent")))
TestUnboundedMember = faulty(EnsembleContract, JUDGED, ensemble=lambda: Good(members=("rnm", "mosaic")))
TestTargetedMember = faulty(EnsembleContract, JUDGED, ensemble=lambda: Good(members=("rnm", "rnm-p2s")))
TestTargetedAtNothing = faulty(EnsembleContract, JUDGED, ensemble=Targeted)
TestTwice = faulty(EnsembleContract, JUDGED, ensemble=lambda: Good(members=("rnm", "rnm")))
TestUnknownOption = faulty(EnsembleContract, JUDGED, ensemble=Generous)
TestNeedsMore = faulty(EnsembleContract, "it_needs_what_its_members_need", ensemble=Poor)
TestWorksNowhere = faulty(EnsembleContract, "it_works_where_all_its_members_do", ensemble=Anywhere)
TestNoTry = faulty(EnsembleContract, "the_host_runs_it", ensemble=lambda: Good(restarts=0))
