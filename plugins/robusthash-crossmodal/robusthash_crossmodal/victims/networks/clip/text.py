"""CLIP's text tower over bags of words."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from robusthash.contracts import Inputs, Modality, TextBackbone
from robusthash.errors import CheckpointError, OptionError, UsageError
from robusthash.files.opening import there
from robusthash.training import load_tensors, load_weights, tensors_digest
from robusthash_crossmodal.victims.networks.clip.layers import Layers, require_sizes
from robusthash_crossmodal.victims.networks.clip.names import tower_of
from robusthash_crossmodal.victims.networks.clip.tokens import BytePairs, Merge, read_merges

_MERGES = ("merges.txt", "bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt")  #: looked for beside the weights
_RANDOM = "random"  #: instead of a file of weights
_FILES = (
    "give its weights, -o {name}.weights=FILE, as safetensors with the names of OpenAI's, OpenCLIP's or Hugging Face's "
    "code, and merges.txt or bpe_simple_vocab_16e6.txt.gz beside it; -o {name}.weights=random starts at random"
)


@dataclass(frozen=True, kw_only=True)
class ClipText(TextBackbone):
    """CLIP's text tower (Radford et al., ICML 2021) over the words of a bag, in the vocabulary's order.

    The words that are there, those above one half, are tokenised and read between the marks of a text's start and end;
    the embedding of each of a word's tokens is scaled by the word's entry. Embeddings of other words, scaled by theirs,
    are added to that of the end mark. So a bag of zeros and ones is read as CLIP reads these words, and the gradient
    tells of each word, there or not, what more of it would do. What a bag has lost is the order of its words.
    """

    pretrained = True

    weights: str | None = None  #: safetensors file of CLIP; random for a random start
    merges: str | None = None  #: list of byte pairs; none is that beside the weights, and single bytes with random ones
    tokens: int = 49_408  #: number of tokens that it knows
    context: int = 77  #: most tokens of a text, both marks included; words after them are not read
    pieces: int = 4  #: most tokens of a word; what is longer is cut
    width: int = 512  #: of the tokens
    layers: int = 12  #: number of layers
    heads: int = 8  #: attention heads of a layer
    output: int = 512  #: number of features
    quick: bool = True  #: the activation of OpenAI's weights, x sigmoid(1.702 x); most of OpenCLIP's have GELU: false

    def __post_init__(self) -> None:
        sizes = {"tokens": self.tokens, "pieces": self.pieces, "output": self.output}
        require_sizes(width=self.width, layers=self.layers, heads=self.heads, **sizes)
        if self.context < 3:
            raise OptionError(f"context={self.context}", hint="at least 3: two marks and a token")

    def build(self, modality: Modality) -> tuple[nn.Module, int]:
        """The tower, with random weights, and without words: (n, d) to (n, output).

        Raises:
            UsageError: the texts are no bags of words.
        """
        if (modality.box.low, modality.box.high) != (0.0, 1.0):
            raise UsageError(
                f"CLIP reads bags of words in [0, 1], and these texts are in [{modality.box.low}, {modality.box.high}]",
                hint="use words-mlp for text features of another kind",
            )
        return _Tower(modality.shape[0], self), self.output

    def initial(self) -> str:
        """Digests of the weights and the merges.

        Raises:
            UsageError: no weights are named.
            CheckpointError: a file is missing or cannot be read.
        """
        merges = repr(self._merges()).encode()
        digests = {"merges": torch.frombuffer(bytearray(merges), dtype=torch.uint8)}
        return f"sha256:{tensors_digest(self._weights() | digests)}"

    def prepare(self, features: nn.Module, train: Inputs) -> None:
        """Loads the weights, and tokenises the vocabulary.

        Raises:
            UsageError: the texts are no bags of words, or no weights are named.
            CheckpointError: a file is missing, cannot be read, or does not fit.
        """
        assert isinstance(features, _Tower)  # noqa: S101 - built above
        if train.vocabulary is None:
            raise UsageError("CLIP reads words, and these texts have no vocabulary", hint="use words-mlp for features")
        pairs = BytePairs(self._merges())
        if len(pairs) != self.tokens:
            raise OptionError(
                f"the merges make {len(pairs)} tokens, and tokens={self.tokens}",
                hint=f"take the merges of these weights, or set tokens={len(pairs)}",
            )
        if weights := self._weights():
            load_weights(features, weights, f"the text tower in {self.weights}", optional=["words"])
        features.set_words([pairs.of(word) for word in train.vocabulary])

    def _weights(self) -> dict[str, Tensor]:
        if self.weights is None:
            raise UsageError("CLIP's text tower is useless with random weights", hint=_FILES.format(name="clip-text"))
        return {} if self.weights == _RANDOM else tower_of(load_tensors(Path(self.weights)), "text")

    def _merges(self) -> list[Merge]:
        if self.merges is not None:
            return read_merges(Path(self.merges))
        if self.weights in (None, _RANDOM):
            return []
        folder = Path(str(self.weights)).parent
        file = next((folder / name for name in _MERGES if there(folder / name)), None)
        if file is None:
            raise CheckpointError(
                f"no {' or '.join(_MERGES[:2])} beside {self.weights}",
                hint="put one there, as published with CLIP, or name it with -o clip-text.merges=FILE",
            )
        return read_merges(file)


class _Tower(nn.Module):
    """Under the names of CLIP's authors; ``words`` are the tokens of each word, and -1 after them."""

    words: Tensor

    def __init__(self, words: int, options: ClipText) -> None:
        super().__init__()
        width = options.width
        self.end = options.tokens - 1
        self.token_embedding = nn.Embedding(options.tokens, width)
        self.positional_embedding = nn.Parameter(torch.empty(options.context, width))
        self.transformer = Layers(width, options.layers, options.heads, causal=True, quick=options.quick)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, options.output))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        self.register_buffer("words", torch.full((words, options.pieces), -1))

    def set_words(self, tokens: list[list[int]]) -> None:
        """Sets the tokens of each word."""
        for row, found in enumerate(tokens):
            cut = found[: self.words.shape[1]]
            self.words[row] = -1
            self.words[row, : len(cut)] = torch.tensor(cut, dtype=torch.int64)

    def forward(self, texts: Tensor) -> Tensor:
        there = texts > 0.5
        tokens, amounts, ends = self._sequence(texts, there)
        embedded = self.token_embedding(tokens) * amounts.unsqueeze(2) + self.positional_embedding[: tokens.shape[1]]
        rows = torch.arange(len(texts), device=texts.device)
        others = (texts * ~there) @ self._embedded_words()
        embedded = embedded.index_put((rows, ends), others, accumulate=True)
        found: Tensor = self.ln_final(self.transformer(embedded)[rows, ends]) @ self.text_projection
        return found

    def _sequence(self, texts: Tensor, there: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (n, length), how much there is of each, and the place (n,) of the end mark."""
        count, longest = texts.shape[1], len(self.positional_embedding) - 2
        order = torch.arange(count, 0, -1, device=texts.device)  # the first words of the vocabulary first
        ranks, words = (there * order).topk(min(count, longest), dim=1)
        tokens = self.words[words].masked_fill((ranks == 0).unsqueeze(2), -1).flatten(1)
        places = (tokens >= 0).cumsum(1)  # the start mark's is 0
        read = (tokens >= 0) & (places <= longest)
        ends = read.sum(1) + 1
        length = int(ends.max()) + 1
        places = torch.where(read, places, length)  # the others go into a column of their own, which is cut off
        amounts = texts.gather(1, words).repeat_interleave(self.words.shape[1], dim=1)
        shape = (len(texts), length + 1)
        sequence = torch.full(shape, self.end, device=texts.device).scatter(1, places, tokens.clamp_min(0))
        scales = torch.ones(shape, device=texts.device, dtype=texts.dtype).scatter(1, places, amounts)
        sequence[:, 0] = self.end - 1
        return sequence[:, :length], scales[:, :length], ends

    def _embedded_words(self) -> Tensor:
        """Sum of each word's token embeddings: (words, width)."""
        known = (self.words >= 0).unsqueeze(2)
        found: Tensor = (self.token_embedding(self.words.clamp_min(0)) * known).sum(1)
        return found
