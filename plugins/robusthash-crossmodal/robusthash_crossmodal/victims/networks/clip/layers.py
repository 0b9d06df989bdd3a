"""The transformer that both of CLIP's towers have, under the names of its authors' code."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from robusthash.errors import OptionError


class Layers(nn.Module):
    """Layers of attention and perceptrons.

    Args:
        width: of the tokens.
        layers: number of layers.
        heads: attention heads of a layer.
        causal: whether a token attends to itself and those before it alone.
        quick: whether the activation is ``x sigmoid(1.702 x)`` in place of GELU.
    """

    def __init__(self, width: int, layers: int, heads: int, *, causal: bool, quick: bool) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(*(_Layer(width, heads, causal=causal, quick=quick) for _ in range(layers)))
        attention, out, wide = width**-0.5, width**-0.5 * (2 * layers) ** -0.5, (2 * width) ** -0.5
        for layer in self.resblocks:
            assert isinstance(layer, _Layer)  # noqa: S101 - made above
            nn.init.normal_(layer.attn.in_proj_weight, std=attention)
            nn.init.normal_(layer.attn.out_proj.weight, std=out)
            nn.init.normal_(layer.mlp.c_fc.weight, std=wide)
            nn.init.normal_(layer.mlp.c_proj.weight, std=out)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (n, length, width) after all layers."""
        found: Tensor = self.resblocks(tokens)
        return found


def require_sizes(*, width: int, layers: int, heads: int, **others: int) -> None:
    """Refuses sizes that no tower has.

    Raises:
        OptionError: one is less than 1, or the width is not a multiple of the heads.
    """
    sizes = {"width": width, "layers": layers, "heads": heads, **others}
    if min(sizes.values()) < 1 or width % heads:
        raise OptionError(
            ", ".join(f"{name}={value}" for name, value in sizes.items()),
            hint="each at least 1, and the width a multiple of the heads",
        )


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, *, causal: bool, quick: bool) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = _Attention(width, heads, causal=causal)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = _Perceptron(width, quick=quick)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.ln_1(tokens))
        found: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return found


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        parts = linear(tokens, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=2)
        shape = (*tokens.shape[:2], self.heads, tokens.shape[2] // self.heads)
        query, key, value = (part.reshape(shape).transpose(1, 2) for part in parts)
        seen = scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        found: Tensor = self.out_proj(seen.transpose(1, 2).flatten(2))
        return found


class _Perceptron(nn.Module):
    def __init__(self, width: int, *, quick: bool) -> None:
        super().__init__()
        self.quick = quick
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        wide = self.c_fc(tokens)
        found: Tensor = self.c_proj(wide * torch.sigmoid(1.702 * wide) if self.quick else gelu(wide))
        return found
