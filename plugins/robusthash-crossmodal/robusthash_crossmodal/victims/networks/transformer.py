"""A small transformer over the words of a text."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robusthash.contracts import Modality, TextBackbone
from robusthash.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class WordsTransformer(TextBackbone):
    """Self-attention among the embeddings of a text's words, each scaled by how much of the word there is.

    A bag has no order, so there are no positions. The strongest ``tokens`` words of a text take part, so that its
    cost does not grow with the vocabulary; gradients reach these alone. A text without words is a token of its own.
    """

    width: int = 128  #: of the embeddings, and of the output
    layers: int = 2  #: number of attention layers
    heads: int = 4  #: attention heads of a layer
    tokens: int = 32  #: most words of a text that take part

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads, self.tokens) < 1 or self.width % self.heads:
            raise OptionError(
                f"width={self.width}, layers={self.layers}, heads={self.heads}, tokens={self.tokens}",
                hint="each at least 1, and the width a multiple of the heads",
            )

    def build(self, modality: Modality) -> tuple[nn.Module, int]:
        """Embeddings, layers, and the output of the first token."""
        return _Transformer(modality.shape[0], self), self.width


class _Transformer(nn.Module):
    def __init__(self, words: int, options: WordsTransformer) -> None:
        super().__init__()
        self.tokens = min(options.tokens, words)
        self.embedding = nn.Embedding(words, options.width)
        self.summary = nn.Parameter(torch.randn(options.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            options.width,
            options.heads,
            dim_feedforward=4 * options.width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, options.layers, enable_nested_tensor=False)

    def forward(self, texts: Tensor) -> Tensor:
        amounts, words = texts.topk(self.tokens, dim=1)
        tokens = self.embedding(words) * amounts.unsqueeze(2)
        first = self.summary.expand(len(texts), 1, -1)
        absent = torch.cat([torch.zeros_like(amounts[:, :1], dtype=torch.bool), amounts <= 0], dim=1)
        found: Tensor = self.layers(torch.cat([first, tokens], dim=1), src_key_padding_mask=absent)[:, 0]
        return found
