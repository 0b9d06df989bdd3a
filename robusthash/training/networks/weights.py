"""Loads weights into a network, and names a network by the digest of its weights."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from robusthash.boundary import breach
from robusthash.errors import CheckpointError
from robusthash.files.tensors import tensors_digest

#: What wrappers put before every name: DataParallel, a module around the network, torch.compile, an average of weights,
#: and a flattened nested state.
_WRAPPERS = ("module.", "model.", "net.", "network.", "_orig_mod.", "ema.", "state_dict.", "model_state_dict.")


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], where: str, *, optional: Iterable[str] = ()) -> None:
    """Loads tensors into a network, all of them or none.

    Args:
        module: the network; changed in place.
        tensors: its state by name.
        where: the file they came from, for the error. Names may all have a prefix that a wrapper put before them.
            Floats of another precision are converted; whole numbers are no floats.
        optional: prefixes of names that may be missing or of another shape; these parameters keep their values.

    Raises:
        CheckpointError: the tensors belong to another network. The message names the first differences, and the code
            lengths if they differ.
    """
    prefixes = tuple(optional)
    own = module.state_dict()
    tensors = unwrapped(tensors, own)
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if not (name.startswith(prefixes) and (name not in own or own[name].shape != tensor.shape))
    }
    # Files older than batch normalisation's step counter lack it, and nothing here uses it.
    missing = [
        name
        for name in own
        if name not in fitting and not name.startswith(prefixes) and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in fitting if name not in own]
    misshapen = [
        f"{name} {tuple(fitting[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in fitting and own[name].shape != fitting[name].shape
    ]
    differences = [
        f"{what}: {_some(names)}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("misshapen", misshapen))
        if names
    ]
    if differences:
        raise CheckpointError(
            f"{where} holds the weights of another network: {_bits(own, fitting)}{'; '.join(differences)}",
            hint=_hint(own, fitting),
        )
    _require_kinds(own, fitting, where)
    fitting = {name: tensor.to(own[name].dtype) for name, tensor in fitting.items()}
    broken = [name for name, tensor in fitting.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{where} has NaN or infinite values in {_some(broken)}",
            hint="the training that made it diverged: train it again",
        )
    state = OrderedDict(fitting)
    # Files do not store the layout versions of modules, and some of torchvision's modules refuse a state without them.
    state._metadata = own._metadata  # type: ignore[attr-defined]
    module.load_state_dict(state, strict=False)


def unwrapped(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
    """Tensors without the prefixes that wrappers put before all names: ``module.``, ``model.``, ``_orig_mod.`` ...

    Args:
        tensors: by name.
        own: the state of the network that they are for. If it is given, a prefix goes only where that lets more names
            fit, since the network may have such names itself.

    >>> list(unwrapped({"module.model.weight": torch.zeros(1)}))
    ['weight']
    """
    while tensors:
        prefix = next(iter(tensors)).partition(".")[0] + "."
        if prefix not in _WRAPPERS or not all(name.startswith(prefix) for name in tensors):
            break
        bare = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        if own is not None and len(own.keys() & tensors.keys()) >= max(1, len(own.keys() & bare.keys())):
            break
        tensors = bare
    return tensors


def _require_kinds(own: Mapping[str, Tensor], found: Mapping[str, Tensor], where: str) -> None:
    """Refuses whole numbers in place of floats, such as quantised weights without their scale, and the reverse."""
    wrong = [
        f"{name} {_kind(tensor)} instead of {_kind(own[name])}"
        for name, tensor in found.items()
        if not torch.can_cast(tensor.dtype, own[name].dtype)
        or own[name].is_floating_point() != tensor.is_floating_point()
    ]
    if wrong:
        raise CheckpointError(
            f"{where} has numbers of another kind: {_some(wrong)}",
            hint="quantised or converted weights: save the network's own floats, in half, single or double precision",
        )


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _hint(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """What to do about the weights of another network; a nested state is recognised by its names."""
    heads = {name.partition(".")[0] for name in found}
    nested = sorted(head for head in heads if {f"{head}.{name}" for name in own} <= found.keys())
    if nested:
        return f"the network's tensors are those under {nested[0]!r}: save these alone, with their names after the dot"
    return "build the network with the backbone, options and bits that it was trained with"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _bits(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    layer = "hash_layer.weight"
    if layer in own and layer in found and len(own[layer]) != len(found[layer]):
        return f"{len(found[layer])} bits instead of {len(own[layer])}; "
    return ""


def weights_digest(module: nn.Module) -> str:
    """SHA-256 of a network's parameters and buffers, on any device.

    Raises:
        ContractError: its state is not made of plain tensors.
    """
    return tensors_digest(plain_state(module))


def plain_state(module: nn.Module) -> dict[str, Tensor]:
    """A network's state, which can be stored and compared.

    Raises:
        ContractError: a part of it is no dense tensor, as of ``get_extra_state`` and of quantised layers.
    """
    state = module.state_dict()
    for name, part in state.items():
        if not isinstance(part, Tensor) or part.is_quantized or part.layout is not torch.strided:
            kind = "quantised tensor" if isinstance(part, Tensor) and part.is_quantized else type(part).__name__
            raise breach(
                module,
                f"has a {kind} in its state dictionary, {name!r}",
                hint="keep its state in parameters and buffers that are dense, unquantised tensors",
            )
    return state
