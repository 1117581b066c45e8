"""What a graph gives for an encoder taken as it is, is what sentence-transformers gives."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import LayerNorm, Normalize, Pooling
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
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder
from tests.training.conftest import write_data

QUERIES = ["red shoes", "Blue  SOFA", "a", "lemon cake for a birthday in the garden " * 6]
PROMPTS = {"query": "query: ", "document": "a pin: "}


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
    folder, graphs = tmp_path / "student", tmp_path / "graphs"
    folder.mkdir()
    graphs.mkdir()
    adopt(StudentConfig(method="encoder", query_encoder=str(encoder)), pins_folder, folder)
    student = load_student(folder)
    builder = GraphBuilder(student, load_target("cpu-fp32"), graphs, lambda name: [])
    contract = builder.contract({name: builder.build(name, "fp32") for name in GRAPHS})
    rules = student.rendering

    own = SentenceTransformer(str(encoder), device="cpu")
    unit = own.similarity_fn_name != "dot"
    own.max_seq_length = rules.query_max_tokens
    texts = [normalize_query(query, rules) for query in QUERIES]
    wanted = own.encode_query(texts, normalize_embeddings=unit)
    tokenizer = load_tokenizer(folder / "query_encoder", rules.query_max_tokens)
    graph = GraphEncoder(open_built_graph(graphs, contract, "query_encoder"), tokenizer)
    rendered = [render_query(query, rules) for query in QUERIES]
    for batch_tokens in (None, 10_000):  # each text alone, and all of them padded together
        given = graph.embed(rendered, batch_tokens=batch_tokens)
        np.testing.assert_allclose(given, wanted, atol=1e-5)

    own.max_seq_length = rules.pin_max_tokens
    wanted = own.encode(pin_texts(tiny_pins, rules), prompt="", normalize_embeddings=unit)
    tokenizer = load_tokenizer(folder / "pin_encoder", rules.pin_max_tokens)
    graph = GraphEncoder(open_built_graph(graphs, contract, "pin_encoder"), tokenizer)
    given = graph.embed(pin_texts(tiny_pins, rules), batch_tokens=2_000)
    np.testing.assert_allclose(given, wanted, atol=1e-5)
