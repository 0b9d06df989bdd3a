"""CLIP's towers: passes against slow references, published names of tensors, and what is refused."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from robusthash.contracts import ArrayTexts, Backbone, Modality, TextBackbone
from robusthash.errors import CheckpointError, OptionError, UsageError
from robusthash.specs import BackboneSpec
from robusthash.testing import BackboneContract, TextBackboneContract
from robusthash_crossmodal.victims.networks.clip.image import ClipImage
from robusthash_crossmodal.victims.networks.clip.names import tower_of
from robusthash_crossmodal.victims.networks.clip.text import ClipText
from robusthash_crossmodal.victims.specs import backbones

SPECS = {spec.name: spec for spec in backbones()}
MERGES = [("d", "o"), ("do", "g</w>"), ("a", "t</w>"), ("c", "at</w>")]
WORDS = ("at", "cat", "dog", "dogs", "yacht")
SMALL = {"width": 16, "layers": 2, "heads": 2, "output": 6}
TEXT = {**SMALL, "tokens": 514 + len(MERGES), "context": 8, "pieces": 4}


@pytest.fixture(scope="module")
def merges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of a few merges, in a folder of its own."""
    file = tmp_path_factory.mktemp("clip") / "merges.txt"
    file.write_text("#version: 0.2\n" + "".join(f"{one} {other}\n" for one, other in MERGES), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def weights(merges: Path) -> Path:
    """Both towers in one file, under the names of CLIP's authors."""
    torch.manual_seed(1)
    text, _ = ClipText(weights="random", **TEXT).build(Modality.text(3))
    image, _ = ClipImage(image_size=16, patch=8, **SMALL).build("none")
    state = {name: one + 0.1 * torch.randn_like(one) for name, one in text.named_parameters()}
    state |= {f"visual.{name}": one + 0.1 * torch.randn_like(one) for name, one in image.named_parameters()}
    file = merges.with_name("clip.safetensors")
    safetensors.torch.save_file({**state, "logit_scale": torch.tensor(4.6)}, file)
    return file


def texts(bags: Tensor, vocabulary: tuple[str, ...] | None = WORDS) -> ArrayTexts:
    return ArrayTexts(bags, Modality.text(bags.shape[1]), vocabulary)


def tower(weights: Path | str, **changed: int | bool) -> nn.Module:
    backbone = ClipText(weights=str(weights), **{**TEXT, **changed})  # type: ignore[arg-type]
    network, _ = backbone.build(Modality.text(len(WORDS)))
    backbone.prepare(network, texts(torch.zeros(1, len(WORDS))))
    return network.eval()


class TestClipText(TextBackboneContract):
    @pytest.fixture
    def backbone(self) -> TextBackbone:
        return ClipText(weights="random", **{**TEXT, "tokens": 514, "context": 77})

    @pytest.fixture
    def spec(self) -> BackboneSpec:
        return SPECS["clip-text"]


class TestClipImage(BackboneContract):
    @pytest.fixture
    def backbone(self) -> Backbone:
        return ClipImage(image_size=32, patch=8, **SMALL)

    @pytest.fixture
    def spec(self) -> BackboneSpec:
        return SPECS["clip-vit-b32"]


# --- passes -----------------------------------------------------------------------------------------------------------


def slow_layers(state: dict[str, Tensor], tokens: Tensor, *, heads: int, causal: bool) -> Tensor:
    """The transformer over one sequence (length, width), a head and a token at a time."""
    width = tokens.shape[1]
    for number in range(2):
        own = {name.removeprefix(f"transformer.resblocks.{number}."): one for name, one in state.items()}
        normed = nn.functional.layer_norm(tokens, (width,), own["ln_1.weight"], own["ln_1.bias"])
        parts = normed @ own["attn.in_proj_weight"].T + own["attn.in_proj_bias"]
        seen = torch.zeros_like(tokens)
        for head in range(heads):
            at = slice(head * width // heads, (head + 1) * width // heads)
            query, key, value = (parts[:, place * width : (place + 1) * width][:, at] for place in range(3))
            for i in range(len(tokens)):
                last = i + 1 if causal else len(tokens)
                share = torch.softmax(key[:last] @ query[i] / (width // heads) ** 0.5, dim=0)
                seen[i, at] = share @ value[:last]
        tokens = tokens + seen @ own["attn.out_proj.weight"].T + own["attn.out_proj.bias"]
        normed = nn.functional.layer_norm(tokens, (width,), own["ln_2.weight"], own["ln_2.bias"])
        wide = normed @ own["mlp.c_fc.weight"].T + own["mlp.c_fc.bias"]
        tokens = tokens + (wide * torch.sigmoid(1.702 * wide)) @ own["mlp.c_proj.weight"].T + own["mlp.c_proj.bias"]
    return tokens


def slow_text(state: dict[str, Tensor], tokens: list[int], scales: list[float], more: Tensor | None = None) -> Tensor:
    """A text as CLIP reads it, with its marks; ``more`` is added to the end mark's embedding."""
    whole, scaled = [516, *tokens, 517], torch.tensor([1.0, *scales, 1.0])
    embedded = state["token_embedding.weight"][whole] * scaled[:, None] + state["positional_embedding"][: len(whole)]
    if more is not None:
        embedded[-1] += more
    last = slow_layers(state, embedded, heads=2, causal=True)[-1]
    normed = nn.functional.layer_norm(last, (16,), state["ln_final.weight"], state["ln_final.bias"])
    return normed @ state["text_projection"]


A, S, LAST = ord("a") - ord("!"), ord("s") - ord("!"), 256  #: places of signs, and of those at the end of a word
AT, CAT, DOG, DOGS = [514], [515], [513], [512, A + 6, S + LAST]


@pytest.mark.parametrize(
    ("bag", "tokens", "scales"),
    [
        ([0.0, 0, 0, 0, 0], [], []),
        ([0.0, 1, 0, 1, 0], CAT + DOGS, [1.0] * 4),
        ([1.0, 1, 1, 0, 0], AT + CAT + DOG, [1.0] * 3),
        ([0.0, 0.75, 0, 1, 0], CAT + DOGS, [0.75, 1.0, 1.0, 1.0]),
        # Six tokens fit between the marks: the last word is cut, and of its letters no more than four are kept anyway.
        ([0.0, 0, 1, 1, 1], [*DOG, *DOGS, A + 24, A], [1.0] * 6),
    ],
)
def test_a_text_is_read_as_clip_reads_its_words(
    bag: list[float], tokens: list[int], scales: list[float], weights: Path
) -> None:
    """In the vocabulary's order, alone and in a batch with others."""
    state, network = safetensors.torch.load_file(weights), tower(weights)
    expected = slow_text(state, tokens, scales)
    batch = torch.tensor([bag, [1.0] * 5, [0.0] * 5])
    with torch.no_grad():
        torch.testing.assert_close(network(batch[:1])[0], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network(batch)[0], expected, rtol=1e-4, atol=1e-5)


def test_words_that_are_not_there_have_an_exact_gradient(weights: Path) -> None:
    """Below one half, a word is added to the end mark: nothing at 0, and above as much as its gradient says."""
    state, network = safetensors.torch.load_file(weights), tower(weights).double()
    embedded = state["token_embedding.weight"]
    with torch.no_grad():
        found = network(torch.tensor([[0.0, 1, 0, 0.25, 0]], dtype=torch.float64))[0]
    expected = slow_text(state, CAT, [1.0], 0.25 * embedded[DOGS].sum(0))
    torch.testing.assert_close(found.float(), expected, rtol=1e-4, atol=1e-5)
    bag = torch.tensor([[0.0, 1, 0, 0, 0.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, bag)
    (gradient,) = torch.autograd.grad(network(bag).square().sum(), bag)
    assert gradient.all()


def test_an_image_is_seen_as_clip_sees_it(weights: Path) -> None:
    network, width = ClipImage(image_size=16, patch=8, **SMALL).build(str(weights))
    state = tower_of(safetensors.torch.load_file(weights), "image")
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = network.eval()(image)
    patches = [
        (state["conv1.weight"] * image[1, None, :, top : top + 8, left : left + 8]).sum((1, 2, 3))
        for top in (0, 8)
        for left in (0, 8)
    ]
    tokens = torch.stack([state["class_embedding"], *patches]) + state["positional_embedding"]
    tokens = nn.functional.layer_norm(tokens, (16,), state["ln_pre.weight"], state["ln_pre.bias"])
    first = slow_layers(state, tokens, heads=2, causal=False)[0]
    normed = nn.functional.layer_norm(first, (16,), state["ln_post.weight"], state["ln_post.bias"])
    torch.testing.assert_close(found[1], normed @ state["proj"], rtol=1e-4, atol=1e-5)
    assert found.shape == (2, width)


def test_gelu_is_an_option(weights: Path) -> None:
    bag = torch.ones(1, len(WORDS))
    assert not torch.allclose(tower(weights)(bag), tower(weights, quick=False)(bag))


# --- names ------------------------------------------------------------------------------------------------------------


def hugging_face(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Both towers under the names of Hugging Face's library."""
    plain = {
        "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "positional_embedding": "text_model.embeddings.position_embedding.weight",
        "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
        "visual.class_embedding": "vision_model.embeddings.class_embedding",
        "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    }
    parts = {
        "ln_final": "text_model.final_layer_norm",
        "visual.ln_pre": "vision_model.pre_layrnorm",
        "visual.ln_post": "vision_model.post_layernorm",
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    named = {"text_model.embeddings.position_ids": torch.arange(8)[None], "logit_scale": state["logit_scale"]}
    named["text_projection.weight"] = state["text_projection"].T
    named["visual_projection.weight"] = state["visual.proj"].T
    for name, tensor in state.items():
        if name in plain:
            named[plain[name]] = tensor
            continue
        model = "vision_model" if name.startswith("visual.") else "text_model"
        _, inside, rest = name.partition("transformer.resblocks.")
        start = f"{model}.encoder.layers.{rest.partition('.')[0]}." if inside else ""
        part, _, kind = (rest.partition(".")[2] if inside else name).rpartition(".")
        if part in parts:
            named[f"{start}{parts[part]}.{kind}"] = tensor
        elif kind.startswith("in_proj_"):
            for place, one in zip("qkv", tensor.chunk(3), strict=True):
                named[f"{start}self_attn.{place}_proj.{kind.removeprefix('in_proj_')}"] = one
    return {name: tensor.contiguous() for name, tensor in named.items()}


@pytest.mark.parametrize("layout", ["hugging-face", "openclip-custom"])
def test_other_names_are_the_same_towers(layout: str, weights: Path, merges: Path, tmp_path: Path) -> None:
    state = safetensors.torch.load_file(weights)
    if layout == "hugging-face":
        other = hugging_face(state)
    else:
        other = {name if name.startswith(("visual", "logit")) else f"text.{name}": one for name, one in state.items()}
    file = tmp_path / "model.safetensors"
    safetensors.torch.save_file({name: one.half() for name, one in other.items()}, file)
    (tmp_path / "merges.txt").write_bytes(merges.read_bytes())
    bag, image = torch.ones(1, len(WORDS)), torch.rand(1, 3, 16, 16)
    one, _ = ClipImage(image_size=16, patch=8, **SMALL).build(str(weights))
    same, _ = ClipImage(image_size=16, patch=8, **SMALL).build(str(file))
    torch.testing.assert_close(same(image), one(image), rtol=0.05, atol=0.02)
    torch.testing.assert_close(tower(file)(bag), tower(weights)(bag), rtol=0.05, atol=0.02)


def test_what_it_starts_from_is_the_content_of_its_files(weights: Path, merges: Path, tmp_path: Path) -> None:
    one = ClipText(weights=str(weights), **TEXT).initial()
    for name in (weights.name, merges.name):
        (tmp_path / name).write_bytes((weights.parent / name).read_bytes())
    assert ClipText(weights=str(tmp_path / weights.name), **TEXT).initial() == one
    (tmp_path / merges.name).write_text("#version: 0.2\nd o\n")
    assert ClipText(weights=str(tmp_path / weights.name), **TEXT).initial() != one
    state = safetensors.torch.load_file(weights)
    safetensors.torch.save_file({**state, "ln_final.bias": state["ln_final.bias"] + 1}, tmp_path / weights.name)
    (tmp_path / merges.name).write_bytes(merges.read_bytes())
    assert ClipText(weights=str(tmp_path / weights.name), **TEXT).initial() != one


# --- what is refused --------------------------------------------------------------------------------------------------


def test_weights_have_to_be_named_and_to_fit(weights: Path, merges: Path, tmp_path: Path) -> None:
    alone = tmp_path / "clip.safetensors"
    alone.write_bytes(weights.read_bytes())
    with pytest.raises(UsageError, match="random weights") as caught:
        ClipText(**TEXT).initial()
    assert "clip-text.weights=FILE" in str(caught.value.hint)
    with pytest.raises(CheckpointError, match=r"no merges\.txt or .* beside"):
        tower(alone)
    with pytest.raises(OptionError, match="518 tokens, and tokens=600"):
        tower(weights, tokens=600)
    with pytest.raises(CheckpointError, match="another network"):
        tower(weights, width=32)
    with pytest.raises(CheckpointError, match="not downloaded"):
        ClipImage().build("default")
    safetensors.torch.save_file({"conv.weight": torch.zeros(1)}, alone)
    with pytest.raises(CheckpointError, match="another network"):
        ClipImage(image_size=16, patch=8, **SMALL).build(str(alone))


def test_texts_have_to_be_bags_of_words() -> None:
    backbone = ClipText(weights="random", **{**TEXT, "tokens": 514})
    with pytest.raises(UsageError, match=r"in \[-1\.0, 1\.0\]"):
        backbone.build(Modality.text(3, low=-1.0))
    network, _ = backbone.build(Modality.text(3))
    with pytest.raises(UsageError, match="no vocabulary"):
        backbone.prepare(network, texts(torch.zeros(1, 3), None))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClipText(width=10, heads=4),
        lambda: ClipText(context=2),
        lambda: ClipText(pieces=0),
        lambda: ClipImage(image_size=100),
        lambda: ClipImage(patch=0),
    ],
)
def test_bad_options_are_refused(make: object) -> None:
    with pytest.raises(OptionError):
        make()  # type: ignore[operator]
