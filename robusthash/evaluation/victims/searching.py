"""Chooses the retriever of a run."""

from collections.abc import Callable, Sequence

from robusthash.contracts import Distance, Retriever
from robusthash.errors import ContractError, MissingDependencyError, UsageError
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.host import Owner, Registered
from robusthash.specs import Exactness, RetrieverSpec


def preferred(
    registered: Sequence[Registered],
    distance: Distance,
    choose: Callable[[str], Chosen[Retriever]],
    *,
    core: Owner,
) -> Chosen[Retriever]:
    """The exact retriever with the highest preference that searches by a distance.

    Ties go to the core's own retriever, then by name. Retrievers whose library is not installed are skipped.

    Args:
        registered: all retrievers.
        distance: the distance to search by.
        choose: creates a retriever by its full name.
        core: the core's distribution.

    Returns:
        The retriever, with its options.

    Raises:
        UsageError: no exact retriever searches by this distance.
        ContractError: a retriever's capabilities contradict its spec.
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
    raise UsageError(
        f"no exact retriever searches by {distance} distance", hint="robusthash plugins list --kind retriever"
    )


def check_promises(chosen: Chosen[Retriever]) -> Chosen[Retriever]:
    """Returns a retriever if its capabilities agree with its spec.

    Raises:
        ContractError: they do not.
    """
    exact, spec = chosen.plugin.capabilities.exact, chosen.spec
    if isinstance(spec, RetrieverSpec) and exact != (spec.exactness is Exactness.EXACT):
        raise ContractError(
            f"retriever {chosen.use.name!r} of {chosen.use.owner} is listed as "
            f"{'approximate' if exact else 'exact'}, and its capabilities say the opposite",
            hint="report it to the plugin's author",
        )
    return chosen


def _exact(one: Registered) -> bool:
    return _spec(one).exactness is Exactness.EXACT


def _spec(one: Registered) -> RetrieverSpec:
    if not isinstance(one.spec, RetrieverSpec):
        raise TypeError(f"{one.full_name} is a {one.kind}, not a retriever")
    return one.spec
