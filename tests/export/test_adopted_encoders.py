"""What a graph gives for an encoder taken as it is, is what sentence-transformers gives."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Router, Transformer
from sentence_transformers.sentence_transformer.modules import (
    LayerNorm,
    Normalize,
    Pooling,
    StaticEmbedding,
)
from torch import nn

from pintower.config import StudentConfig
from pintower.export.build import GraphBuilder
from pintower.models.adoption import adopt
from pintower.models.onnx_session import GraphEncoder, open_built_graph
from pintower.models.pin_inputs import pin_texts
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer
from pintower.targets import GRAPHS, load_target
from pintower.text.rendering import normalize_query, render_query
from tests.models.adoption.tiny_encoders import (
    write_backbone,
    write_encoder,
    write_routed,
    write_static,
)
from tests.training.conftest import write_data

QUERIES = ["", "red shoes", "Blue  SOFA", "a", "lemon cake for a birthday in the garden " * 6]
PROMPTS = {"query": "query: ", "document": "a pin: "}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def pins_folder(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), tiny_pins)


@pytest.mark.parametrize(
    ("family", "modules", "settings"),
    [
        ("bert", [Pooling(32, "mean"), Normalize()], {}),
        ("bert", [Pooling(32, "mean")], {"similarity_fn_name": "dot"}),
        ("bert", [Pooling(32, "cls"), Normalize()], {"prompts": PROMPTS}),
        ("bert", [Pooling(32, "lasttoken"), LayerNorm(32)], {"prompts": PROMPTS}),
        ("bert", [Pooling(32, "mean"), Dense(32, 8), Normalize()], {"prompts": PROMPTS}),
        (
            "bert",
            [Pooling(32, ("cls", "max")), Dense(64, 8, activation_function=nn.Identity())],
            {},
        ),
        ("bert", [Pooling(32, "weightedmean"), Normalize()], {}),
        ("bert", [Normalize(module_input_name="token_embeddings"), Pooling(32, "mean")], {}),
        ("distilbert", [Pooling(32, "cls"), Normalize()], {}),
        ("mpnet", [Pooling(32, "mean"), Normalize()], {}),
        ("roberta", [Pooling(32, "mean"), Normalize()], {"prompts": PROMPTS}),
        ("xlm-roberta", [Pooling(32, "mean"), Normalize()], {"prompts": PROMPTS}),
        ("qwen2", [Pooling(32, "lasttoken"), Normalize()], {}),
        ("qwen3", [Pooling(32, "lasttoken"), Normalize()], {"prompts": PROMPTS}),
    ],
)
def test_graphs_give_sentence_transformers_embeddings(
    family: str,
    modules: list[nn.Module],
    settings: dict[str, Any],
    pins_folder: Path,
    tiny_pins: pl.DataFrame,
    tmp_path: Path,
) -> None:
    backbone = write_backbone(tmp_path / "backbone", family)
    encoder = write_encoder(tmp_path / "encoder", backbone, *modules, **settings)
    assert_served_as_the_library_embeds(encoder, pins_folder, tiny_pins, tmp_path)


def assert_served_as_the_library_embeds(
    encoder: Path, data: Path, pins: pl.DataFrame, tmp_path: Path
) -> None:
    """Compare both sides' graphs, alone and padded, with ``encode_query`` and ``encode``."""
    folder, graphs = tmp_path / "student", tmp_path / "graphs"
    folder.mkdir()
    graphs.mkdir()
    adopt(StudentConfig(method="encoder", query_encoder=str(encoder)), data, folder)
    student = load_student(folder)
    builder = GraphBuilder(student, load_target("cpu-fp32"), graphs, lambda name: [])
    contract = builder.contract({name: builder.build(name, "fp32") for name in GRAPHS})
    rules = student.rendering

    own = SentenceTransformer(str(encoder), device="cpu")
    unit = own.similarity_fn_name != "dot"
    limit(own, "query", rules.query_max_tokens)
    texts = [normalize_query(query, rules) for query in QUERIES]
    wanted = own.encode_query(texts, normalize_embeddings=unit)
    tokenizer = load_tokenizer(folder / "query_encoder", rules.query_max_tokens)
    graph = GraphEncoder(open_built_graph(graphs, contract, "query_encoder"), tokenizer)
    rendered = [render_query(query, rules) for query in QUERIES]
    for batch_tokens in (None, 10_000):  # each text alone, and all of them padded together
        given = graph.embed(rendered, batch_tokens=batch_tokens)
        np.testing.assert_allclose(given, wanted, atol=1e-5)

    limit(own, "document", rules.pin_max_tokens)
    texts = pin_texts(pins, rules)
    wanted = own.encode(texts, prompt="", task="document", normalize_embeddings=unit)
    tokenizer = load_tokenizer(folder / "pin_encoder", rules.pin_max_tokens)
    graph = GraphEncoder(open_built_graph(graphs, contract, "pin_encoder"), tokenizer)
    given = graph.embed(texts, batch_tokens=2_000)
    np.testing.assert_allclose(given, wanted, atol=1e-5)


def limit(own: SentenceTransformer, side: str, tokens: int) -> None:
    first = next(iter(own[0].sub_modules[side])) if isinstance(own[0], Router) else own[0]
    if isinstance(first, StaticEmbedding):
        first.tokenizer.enable_truncation(tokens)
    else:
        first.max_seq_length = tokens


@pytest.mark.parametrize(
    ("modules", "settings"),
    [
        ([Pooling(32, "mean")], {}),
        ([Pooling(32, "mean"), Normalize()], {"prompts": PROMPTS}),
        ([Pooling(32, "cls"), Dense(32, 16)], {"similarity_fn_name": "dot"}),
    ],
)
def test_embeddings_are_cut_as_the_folder_says(
    modules: list[nn.Module],
    settings: dict[str, Any],
    backbone: Path,
    pins_folder: Path,
    tiny_pins: pl.DataFrame,
    tmp_path: Path,
) -> None:
    encoder = write_encoder(tmp_path / "encoder", backbone, *modules, truncate_dim=8, **settings)
    assert_served_as_the_library_embeds(encoder, pins_folder, tiny_pins, tmp_path)
    graph = onnx.load(tmp_path / "graphs" / "query_encoder.onnx").graph
    assert graph.output[0].type.tensor_type.shape.dim[-1].dim_value == 8


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize(
    ("modules", "settings"),
    [
        ([], {}),
        ([Normalize()], {"prompts": PROMPTS}),
        ([Dense(16, 8)], {}),
        ([], {"truncate_dim": 8}),
    ],
)
def test_a_table_of_token_embeddings_is_served(
    modules: list[nn.Module],
    settings: dict[str, Any],
    similarity: str,
    pins_folder: Path,
    tiny_pins: pl.DataFrame,
    tmp_path: Path,
) -> None:
    settings = {**settings, "similarity_fn_name": similarity}
    encoder = write_static(tmp_path / "encoder", *modules, **settings)
    assert_served_as_the_library_embeds(encoder, pins_folder, tiny_pins, tmp_path)


def test_a_table_for_queries_and_a_transformer_for_pins(
    backbone: Path, pins_folder: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    table = SentenceTransformer(str(write_static(tmp_path / "table", width=32)), device="cpu")[0]
    routes = {"query": [table], "document": [Transformer(str(backbone)), Pooling(32)]}
    encoder = write_routed(tmp_path / "encoder", routes, after=[Normalize()])
    assert_served_as_the_library_embeds(encoder, pins_folder, tiny_pins, tmp_path)


def test_routes_of_their_own_layers_are_served(
    backbone: Path, pins_folder: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    before = [Transformer(str(backbone)), Pooling(32)]
    routes = {"query": [Dense(32, 8)], "document": [Dense(32, 8)]}
    encoder = write_routed(tmp_path / "encoder", routes, before=before)
    assert_served_as_the_library_embeds(encoder, pins_folder, tiny_pins, tmp_path)
