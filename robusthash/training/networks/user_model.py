"""A hash model of the user's own, built by a function in a Python file; its weights may come from a checkpoint."""

import hashlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robusthash.contracts import IMAGE, CrossModalHashModel, HashModel, Modality, evaluating
from robusthash.errors import UsageError
from robusthash.files.opening import require_file
from robusthash.files.paths import read_path
from robusthash.files.tensors import load_tensors
from robusthash.training.networks.weights import load_weights


class LogitModel(HashModel):
    """Any network from pixel-space images to logits, as a hash model.

    Args:
        network: from (n, 3, h, w) in [0, 1] to (n, bits).
        bits: code length K.
        image_size: height and width of the inputs, in pixels; one number for square ones.
    """

    def __init__(self, network: nn.Module, *, bits: int, image_size: int | tuple[int, int]) -> None:
        super().__init__()
        self.bits = bits
        self.modality = Modality.image(*((image_size,) if isinstance(image_size, int) else image_size))
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits: (n, 3, h, w) to (n, bits)."""
        logits: Tensor = self.network(inputs)
        return logits


def user_model(
    name: str,
    *,
    bits: int | None = None,
    modalities: Mapping[str, Modality],
    checkpoint: Path | None = None,
) -> HashModel | CrossModalHashModel:
    """Builds the user's model.

    The function is called with those of ``bits``, ``image_size`` and ``modalities`` that it takes, and returns a
    :class:`HashModel`, a :class:`CrossModalHashModel`, or any network from pixel-space images to logits (n, bits).

    Args:
        name: ``path/to/file.py:build``.
        bits: requested code length; None accepts the model's own.
        modalities: of the dataset's items, by name: ``image`` or ``text``.
        checkpoint: safetensors file with the network's state; None keeps the weights that the function gave it.

    Returns:
        The model, in evaluation mode.

    Raises:
        InputError: there is no such file.
        UsageError: the function or its result is not as described.
        CheckpointError: the checkpoint cannot be read, or belongs to another network.
    """
    path, attribute = _split(name)
    image = modalities.get(IMAGE)
    offered: dict[str, Any] = {"modalities": dict(modalities)}
    offered |= {} if image is None else {"image_size": image.shape[1]}
    offered |= {} if bits is None else {"bits": bits}
    with _importable(path.parent.resolve()):
        function = _function(path, attribute)
        accepted = _accepted(function, offered, name)
        built = _run(lambda: function(**accepted), name, path)
    if not isinstance(built, nn.Module):
        raise UsageError(f"{name} returned {_kind(built)}, not a torch.nn.Module", hint="return the network")
    if checkpoint is not None:
        load_weights(built, load_tensors(checkpoint), str(checkpoint))
    return wrapped(built, bits=bits, modalities=modalities, name=name)


def wrapped(
    network: nn.Module, *, bits: int | None, modalities: Mapping[str, Modality], name: str
) -> HashModel | CrossModalHashModel:
    """A network of the user's own as a hash model, after a check of its outputs.

    Args:
        network: a hash model, a cross-modal one, or any network from pixel-space images to logits.
        bits: requested code length; None accepts the model's own.
        modalities: of the dataset's items, by name.
        name: of the model, for errors.

    Returns:
        The model, in evaluation mode; the network itself if it is one.

    Raises:
        UsageError: it does not take such inputs, or returns something other than logits.
    """
    towers = dict(network.towers) if isinstance(network, CrossModalHashModel) else {"": network}
    for tower in towers.values():
        _require_declared(tower, name)
        own = tower.modality if isinstance(tower, HashModel) else modalities.get(IMAGE)
        if own is None:
            raise UsageError(f"{name} takes images, but the dataset has none", hint="return a HashModel of texts")
        asked = None if isinstance(tower, HashModel) and tower.bits is None else bits
        size = _probe(tower, asked, modalities.get(own.name, own), name)
        if isinstance(tower, HashModel):
            _require_promises(tower, size, modalities.get(own.name, own), name)
        else:
            return LogitModel(tower, bits=size, image_size=(own.shape[1], own.shape[2])).eval()
    return network.eval()  # type: ignore[return-value]  # one of the two, as the loop has seen


def _require_declared(network: nn.Module, name: str) -> None:
    """Fails if a hash model does not say what it takes and returns."""
    missing = [attribute for attribute in ("bits", "modality") if not hasattr(network, attribute)]
    if isinstance(network, HashModel) and missing:
        raise UsageError(
            f"{name} built a HashModel without {' and '.join(missing)}",
            hint="set self.bits and self.modality in its __init__",
        )


def _require_promises(model: HashModel, size: int, modality: Modality, name: str) -> None:
    """Fails unless a hash model's declared size and inputs are its actual ones."""
    said, given = (model.space.size, model.modality.shape), (size, modality.shape)
    if said != given:
        raise UsageError(
            f"{name} built a HashModel that declares (bits, input shape) {said}, but its actual ones are {given}",
            hint="set bits and modality to match the network",
        )


def _split(name: str) -> tuple[Path, str]:
    file, colon, attribute = name.rpartition(":")
    if not colon or not file.endswith(".py") or not attribute.isidentifier():
        raise UsageError(f"{name!r} does not name a model file", hint="write path/to/file.py:build")
    path = read_path(file, "model")
    return require_file(path, "model", hint="check the path in --model path/to/file.py:build"), attribute


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Lets the user's file import modules from its own folder, as a script can; nothing compiled is left there."""
    sys.path.insert(0, str(folder))
    compiles, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = compiles
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def _function(path: Path, attribute: str) -> Callable[..., Any]:
    # The name is derived from the path, so that two files called model.py do not share an entry in sys.modules.
    name = f"robusthash_user_{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be imported", hint="name a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _run(lambda: spec.loader.exec_module(module) if spec.loader else None, str(path), path)
    if not hasattr(module, attribute):
        functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise UsageError(
            f"{path} has no {attribute!r}", hint=f"it has: {', '.join(sorted(functions)) or 'no function'}"
        )
    found = getattr(module, attribute)
    if not callable(found):
        raise UsageError(f"{path}:{attribute} is {_kind(found)}, not callable", hint="name a function or class")
    return found  # type: ignore[no-any-return]  # getattr of a module is Any


def _accepted(function: Callable[..., Any], offered: dict[str, Any], name: str) -> dict[str, Any]:
    """The offered values that the function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some builtins have no signature
        return {}
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    by_name = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    demanded = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in offered
    ]
    if demanded:
        raise UsageError(
            f"{name} requires {', '.join(demanded)}", hint=f"it is called with {', '.join(sorted(offered))}, by name"
        )
    return {key: value for key, value in offered.items() if takes_all or key in by_name}


def _run(call: Callable[[], Any], name: str, path: Path) -> Any:
    """Runs the user's code; an error names the line of the user's file that raised it."""
    try:
        return call()
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).name == path.name]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{path}, line {line}" if line else str(path)
        raise UsageError(f"{name} failed: {type(error).__name__}: {error} ({where})", hint="fix the file") from error


def _probe(network: nn.Module, bits: int | None, modality: Modality, name: str) -> int:
    """The network's code length or number of dimensions, measured on two inputs in the middle of the box."""
    box = modality.box
    device = next((part.device for part in network.parameters()), None)
    inputs = torch.full((2, *modality.shape), (box.low + box.high) / 2, device=device)
    try:
        with evaluating(network), torch.no_grad():
            logits = network(inputs)
    except Exception as error:
        raise UsageError(
            f"the network of {name} cannot take {tuple(inputs.shape)} {modality.name}s: "
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            hint="it must take pixel-space images of the dataset's size; normalise inside the network",
        ) from error
    expected = f"(2, {bits if bits is not None else 'bits'}) float logits"
    if not isinstance(logits, Tensor):
        raise UsageError(f"the network of {name} returned {_kind(logits)}, not {expected}", hint="return the logits")
    shaped = logits.ndim == 2 and len(logits) == 2 and (bits is None or logits.shape[1] == bits)
    if not shaped or not logits.is_floating_point():
        raise UsageError(
            f"the network of {name} returned {tuple(logits.shape)} {logits.dtype} for two inputs, not {expected}",
            hint="return the hash layer's raw output, and request its number of bits",
        )
    if not bool(logits.isfinite().all()):
        raise UsageError(f"the network of {name} gave NaN or infinite logits of two inputs", hint="check its weights")
    return logits.shape[1]


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"
