"""Which retriever a run searches with."""

from collections.abc import Callable, Sequence

from robusthash.contracts import Distance, Retriever
from robusthash.errors import ContractError, MissingDependencyError, UsageError
from robusthash.evaluation.victims.plugins import Chosen
from robusthash.host import Owner, Registered
from robusthash.specs import Exactness, RetrieverSpec


def preferred(
    registered: Sequence[Registered],
    distance: Distance,
    choose: Callable[[str], Chosen[Retriever]],
    *,
    core: Owner,
) -> Chosen[Retriever]:
    """The exact retriever with the highest preference that serves a distance; of equals the core's own, then by name.

    One whose library is not installed is passed over.

    Args:
        registered: all retrievers.
        distance: what the run searches by.
        choose: makes one, by its full name.
        core: who the core is.

    Raises:
        UsageError: no retriever serves the distance.
        ContractError: a retriever's capabilities are not what its spec says.
    """
    for one in sorted(
        filter(_exact, registered), key=lambda one: (-_spec(one).preference, one.owner != core, one.full_name)
    ):
        try:
            chosen = choose(one.full_name)
            capabilities = check_promises(chosen).plugin.capabilities
        except MissingDependencyError:
            continue
        if distance in capabilities.distances:
            return chosen
    raise UsageError(f"no exact retriever serves {distance} distance", hint="robusthash plugins list --kind retriever")


def check_promises(chosen: Chosen[Retriever]) -> Chosen[Retriever]:
    """The same, if its capabilities are what its spec says.

    Raises:
        ContractError: they are not.
    """
    exact, spec = chosen.plugin.capabilities.exact, chosen.spec
    if isinstance(spec, RetrieverSpec) and exact != (spec.exactness is Exactness.EXACT):
        raise ContractError(
            f"retriever {chosen.use.name!r} of {chosen.use.owner} is listed as "
            f"{'approximate' if exact else 'exact'}, and its capabilities say that it is not",
            hint="report it to the plugin's author",
        )
    return chosen


def _exact(one: Registered) -> bool:
    return _spec(one).exactness is Exactness.EXACT


def _spec(one: Registered) -> RetrieverSpec:
    if not isinstance(one.spec, RetrieverSpec):
        raise TypeError(f"{one.full_name} is a {one.kind}, not a retriever")
    return one.spec
