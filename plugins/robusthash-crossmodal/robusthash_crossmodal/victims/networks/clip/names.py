"""The tensors of one of CLIP's towers in a published file, under the names of its authors' code.

OpenAI's code and OpenCLIP share these names; Hugging Face's library has others, and splits what they keep in one.
"""

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

Tower = Literal["image", "text"]

_TEXT = ("token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection")
_LAYER = r"(?:vision|text)_model\.encoder\.layers\.(\d+)\."
_RULES = (  # a pattern for a whole name, and ours
    (_LAYER + r"layer_norm([12])\.(\w+)", r"transformer.resblocks.\1.ln_\2.\3"),
    (_LAYER + r"mlp\.fc1\.(\w+)", r"transformer.resblocks.\1.mlp.c_fc.\2"),
    (_LAYER + r"mlp\.fc2\.(\w+)", r"transformer.resblocks.\1.mlp.c_proj.\2"),
    (_LAYER + r"self_attn\.out_proj\.(\w+)", r"transformer.resblocks.\1.attn.out_proj.\2"),
    (_LAYER + r"self_attn\.([qkv])_proj\.(\w+)", r"transformer.resblocks.\1.attn.\2.\3"),
    (r"text_model\.embeddings\.token_embedding\.weight", "token_embedding.weight"),
    (r"(?:vision|text)_model\.embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"text_model\.final_layer_norm\.(\w+)", r"ln_final.\1"),
    (r"vision_model\.embeddings\.class_embedding", "class_embedding"),
    (r"vision_model\.embeddings\.patch_embedding\.weight", "conv1.weight"),
    (r"vision_model\.pre_layrnorm\.(\w+)", r"ln_pre.\1"),  # spelt so there
    (r"vision_model\.post_layernorm\.(\w+)", r"ln_post.\1"),
)
_PROJECTIONS = {"image": ("visual_projection.weight", "proj"), "text": ("text_projection.weight", "text_projection")}


def tower_of(tensors: Mapping[str, Tensor], tower: Tower) -> dict[str, Tensor]:
    """The tensors of one tower; other parts of the file are left out.

    Args:
        tensors: of a file of OpenAI's, OpenCLIP's, or Hugging Face's.
        tower: which one.
    """
    if any(name.startswith(("text_model.", "vision_model.")) for name in tensors):
        return _hugging_face(tensors, tower)
    if tower == "image":
        return {name.removeprefix("visual."): one for name, one in tensors.items() if name.startswith("visual.")}
    bare = {name.removeprefix("text."): one for name, one in tensors.items()}
    return {name: one for name, one in bare.items() if name.startswith(_TEXT)}


def _hugging_face(tensors: Mapping[str, Tensor], tower: Tower) -> dict[str, Tensor]:
    own = "vision_model." if tower == "image" else "text_model."
    projection, ours = _PROJECTIONS[tower]
    found = {ours: tensors[projection].T} if projection in tensors else {}
    for name, tensor in tensors.items():
        match = next((m for pattern, _ in _RULES if (m := re.fullmatch(pattern, name))), None)
        if name.startswith(own) and match is not None:
            found[match.expand(dict(_RULES)[match.re.pattern])] = tensor
    return _with_joined_projections(found)


def _with_joined_projections(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Queries, keys and values of a layer in one tensor."""
    joined: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        split = re.fullmatch(r"(.+\.attn)\.([qkv])\.(weight|bias)", name)
        if split is None:
            joined[name] = tensor
        elif split[2] == "q":
            parts = [tensors.get(f"{split[1]}.{part}.{split[3]}") for part in "qkv"]
            joined[f"{split[1]}.in_proj_{split[3]}"] = torch.cat([part for part in parts if part is not None])
    return joined
