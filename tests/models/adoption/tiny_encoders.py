"""Seeded encoders of two layers and width 32, of several families, as folders."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast, T5EncoderModel

TOKENIZER = Path(__file__).parents[2] / "fixtures" / "tokenizer"

_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 130,
}
_DECODER = {"num_key_value_heads": 1, "head_dim": 16}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": _SIZES,
    "roberta": {**_SIZES, "pad_token_id": 1},
    "xlm-roberta": {**_SIZES, "pad_token_id": 1},
    "mpnet": _SIZES,
    "distilbert": {
        "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 130,
    },
    "modernbert": {**_SIZES, "pad_token_id": 0, "local_attention": 8, "reference_compile": False},
    "t5": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2},
    "deberta": _SIZES,
    "deberta-v2": {**_SIZES, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 130},
    "llama": {**_SIZES, **_DECODER},
    "gemma3_text": {
        **_SIZES, **_DECODER, "use_bidirectional_attention": True, "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "mobilebert": {**_SIZES, "embedding_size": 16, "true_hidden_size": 16,
                   "intra_bottleneck_size": 16},
    "nomic_bert": _SIZES,
    "squeezebert": {
        **_SIZES, "embedding_size": 32, "q_groups": 2, "k_groups": 2, "v_groups": 2,
        "intermediate_groups": 2, "output_groups": 2,
    },
    "xlm": {"emb_dim": 32, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 130},
    "xmod": {**_SIZES, "pad_token_id": 1, "languages": ["en_XX"], "default_language": "en_XX"},
    "apertus": {**_SIZES, **_DECODER},
    "convbert": {**_SIZES, "embedding_size": 32},
    "fnet": _SIZES,
    "longformer": {**_SIZES, "attention_window": [8, 8], "pad_token_id": 1},
    "electra": {**_SIZES, "embedding_size": 32},
    "albert": {**_SIZES, "embedding_size": 16},
    "qwen2": {**_SIZES, **_DECODER},
    "qwen3": {**_SIZES, **_DECODER},
}  # fmt: skip


def write_backbone(folder: Path, family: str = "bert", *, cased: bool = False) -> Path:
    """Write a plain Hugging Face folder whose weights are seeded."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(
        TOKENIZER, model_input_names=["input_ids", "attention_mask"]
    )
    if cased:
        tokenizer.backend_tokenizer.normalizer = BertNormalizer(lowercase=False)
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, vocab_size=len(tokenizer), **FAMILIES[family])
    model = T5EncoderModel(config) if family == "t5" else AutoModel.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_encoder(folder: Path, backbone: Path, *modules: nn.Module, **settings: Any) -> Path:
    """Write a sentence-transformers folder: a backbone, then the modules.

    ``settings`` change ``config_sentence_transformers.json``; ``max_tokens`` the longest input.
    """
    transformer = Transformer(str(backbone))
    if longest := settings.pop("max_tokens", None):
        transformer.max_seq_length = longest
    encoder = SentenceTransformer(modules=[transformer, *modules], device="cpu")
    encoder.save(str(folder), create_model_card=False)
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    return folder


def write_routed(
    folder: Path,
    routes: Mapping[str, Sequence[nn.Module]],
    *,
    before: Sequence[nn.Module] = (),
    after: Sequence[nn.Module] = (),
    **settings: Any,
) -> Path:
    """Write a sentence-transformers folder with a router; ``settings`` are the router's."""
    router = Router({name: list(modules) for name, modules in routes.items()}, **settings)
    encoder = SentenceTransformer(modules=[*before, router, *after], device="cpu")
    encoder.save(str(folder), create_model_card=False)
    return folder


def write_static(folder: Path, *modules: nn.Module, width: int = 16, **settings: Any) -> Path:
    """Write a sentence-transformers folder of a seeded table of token embeddings."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json"))
    torch.manual_seed(0)
    table = StaticEmbedding(tokenizer, embedding_dim=width)
    SentenceTransformer(modules=[table, *modules], device="cpu").save(
        str(folder), create_model_card=False
    )
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    return folder
