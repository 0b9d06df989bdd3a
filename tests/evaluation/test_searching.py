"""Which retriever `--retriever auto` takes, and a spec that promises what the retriever does not."""

from dataclasses import dataclass

import pytest
from torch import Tensor

from robusthash.contracts import Distance, Index, Retriever, RetrieverCapabilities, Space
from robusthash.errors import ContractError, MissingDependencyError, UsageError
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.searching import check_promises, preferred
from robusthash.host import CORE, Owner, PluginKind, Registered
from robusthash.results import PluginUse
from robusthash.specs import Exactness, RetrieverSpec

ELSEWHERE = Owner("a-plugin", "1.0")
EVERY = frozenset(Distance)
CODES = frozenset({Distance.HAMMING})


@dataclass(frozen=True, kw_only=True)
class Promising(Retriever):
    exact: bool = True
    distances: frozenset[Distance] = CODES

    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=self.exact, max_k=None, radius=True, distances=self.distances)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        raise AssertionError("nothing is searched here")


def entry(name: str, preference: int = 0, *, owner: Owner = ELSEWHERE, exact: bool = True) -> Registered:
    spec = RetrieverSpec(
        name=name,
        factory="a.b:C",
        summary="x",
        preference=preference,
        exactness=Exactness.EXACT if exact else Exactness.APPROXIMATE,
    )
    return Registered(kind=PluginKind.RETRIEVER, spec=spec, owner=owner)


def made(registered: Registered, retriever: Retriever) -> Chosen[Retriever]:
    use = PluginUse(name=registered.spec.name, owner=str(registered.owner))
    return Chosen(plugin=retriever, use=use, full_name=registered.full_name, spec=registered.spec)


def taken(entries: list[tuple[Registered, Retriever | None]], distance: Distance) -> str:
    known = {one.full_name: (one, retriever) for one, retriever in entries}

    def choose(name: str) -> Chosen[Retriever]:
        one, retriever = known[name]
        if retriever is None:
            raise MissingDependencyError("no library", hint="install it")
        return made(one, retriever)

    return preferred([one for one, _ in entries], distance, choose, core=CORE).use.name


def registry() -> list[tuple[Registered, Retriever | None]]:
    return [
        (entry("another"), Promising(distances=EVERY)),
        (entry("torch", owner=CORE), Promising(distances=EVERY)),
        (entry("quick", 10), Promising(distances=CODES)),
        (entry("absent", 99), None),
        (entry("rough", 50, exact=False), Promising(exact=False, distances=EVERY)),
    ]


def test_auto_takes_the_preferred_exact_one_that_is_there_and_serves_the_distance() -> None:
    assert taken(registry(), Distance.HAMMING) == "quick"
    assert taken(registry(), Distance.COSINE) == "torch", "the core's own comes before another of the same preference"


def test_a_distance_that_nothing_serves_is_refused() -> None:
    with pytest.raises(UsageError, match="l2"):
        taken([(entry("quick", 10), Promising(distances=CODES))], Distance.L2)


@pytest.mark.parametrize("exact", [True, False])
def test_a_spec_that_says_otherwise_than_its_retriever_is_refused(exact: bool) -> None:
    honest = made(entry("one", exact=exact), Promising(exact=exact))
    assert check_promises(honest) is honest
    with pytest.raises(ContractError, match=f"'one' of a-plugin 1.0 is listed as {'exact' if exact else 'approx'}"):
        check_promises(made(entry("one", exact=exact), Promising(exact=not exact)))
