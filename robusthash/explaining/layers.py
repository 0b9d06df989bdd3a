"""Finds the last convolutional map of a network, by what its modules return."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

__all__ = ["Output", "last_map"]

_POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample)  #: whose outputs may be larger than what they saw


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of a module during a forward pass.

    Attributes:
        module: its name in the model.
        call: how often the module had been called before.
        channels: of the output.
    """

    module: str
    call: int
    channels: int


def last_map(model: nn.Module, images: Tensor) -> Output | None:
    """The last convolutional map of a network: the last output that has its form.

    That is: channels over a grid of more than one position, in the proportions of the image, after a convolution. It is
    not an output of adaptive pooling, which may blow up what it saw; not one whose channels then became the elements of
    tokens, as in a transformer; and not one inside a block that ends without a map, since a shortcut may pass it by.

    Args:
        model: in evaluation mode; its hooks are afterwards as they were.
        images: (n, channels, h, w) that it is called with.

    Returns:
        The output, None if there is none. Modules compiled by TorchScript take no hooks, and are not looked into.
    """
    watch = _Watch(images)
    convolving = _convolving(model)
    handles = []
    try:
        for name, module in model.named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                handles.append(module.register_forward_pre_hook(watch.entered))
                handles.append(module.register_forward_hook(watch.left(name, convolves=name in convolving)))
        with torch.no_grad():
            model(images.clone())  # it may change its inputs in place
    finally:
        for handle in handles:
            handle.remove()
    return watch.found


def _convolving(model: nn.Module) -> set[str]:
    """Names of the convolutions, and of all modules that they are parts of."""
    names = [name.split(".") for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    return {".".join(parts[:depth]) for parts in names for depth in range(1, len(parts) + 1)}


@dataclass
class _Watch:
    """Follows a forward pass.

    Attributes:
        images: (n, channels, h, w) that it starts with.
        found: the last map so far.
    """

    images: Tensor
    found: Output | None = None
    _convolved: bool = False  #: whether there was a convolution since the last tokens
    _entries: list[Output | None] = field(default_factory=list)  #: the last map when each open module was entered
    _calls: Counter[str] = field(default_factory=Counter)

    def entered(self, _module: nn.Module, _inputs: object) -> None:
        """Hook of all modules, before each."""
        self._entries.append(self.found)

    def left(self, name: str, *, convolves: bool) -> Callable[[nn.Module, object, object], None]:
        """Hook of one module, after it.

        Args:
            name: of the module.
            convolves: whether it is a convolution, or has one among its parts.
        """

        def hook(module: nn.Module, _inputs: object, output: object) -> None:
            before, call = self._entries.pop(), self._calls[name]
            self._calls[name] += 1
            self._convolved |= isinstance(module, nn.Conv2d)
            if not isinstance(output, Tensor) or isinstance(module, _POOLS):
                return
            if self._is_map(output) and (self._convolved or convolves):
                self.found = Output(module=name, call=call, channels=output.shape[1])
            elif self._is_tokens(output):
                self.found, self._convolved = None, False
            elif self.found and before and not isinstance(module, nn.Sequential):
                self.found = before

        return hook

    def _is_map(self, output: Tensor) -> bool:
        if output.ndim != self.images.ndim or len(output) != len(self.images) or not output.is_floating_point():
            return False
        (height, width), (most_high, most_wide) = output.shape[2:], self.images.shape[2:]
        alike = abs(height * most_wide - width * most_high) <= max(most_high, most_wide)
        return alike and height * width > 1 and height <= most_high and width <= most_wide

    def _is_tokens(self, output: Tensor) -> bool:
        """Whether the channels of the last map have become the elements of tokens."""
        return self.found is not None and output.ndim in {3, 4} and output.shape[-1] == self.found.channels > 1
