"""The side-by-side measurement of query encoders, as far as it can be told without a clock."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tokenizers import Tokenizer

from bench.peers.client import Worker
from bench.peers.competitors import REFERENCE, Competitor
from bench.peers.environments import PeerEnvironment, open_environment
from bench.peers.exports import Export, named_folder
from bench.peers.fidelity import compare
from bench.peers.headline import headline
from bench.peers.queries import cycle_from, read_queries
from bench.peers.rounds import TEXT, encoder_cell
from bench.peers.summary import best_peer, ratio, summarize
from bench.peers.workers.head import Head
from pintower import text
from pintower.errors import DatasetError, InputError, SetupError
from pintower.text.rendering import Rendering

EIGHT = encoder_cell(8)
TOKENIZER = Path(__file__).parent.parent / "fixtures" / "tokenizer" / "tokenizer.json"


def competitor(name: str, group: Any = "peer", loader: str = "session") -> Competitor:
    return Competitor(name, group, "int8", "sentence", loader, {"max_tokens": 32})


def export(tmp_path: Path, gates: dict[str, float]) -> Export:
    graph = {"file": "query_encoder.onnx", "precision": "int8-static", "sha256": "ours"}
    contract = {
        "target": {"triton": {"onnxruntime": "1.19.2"}},
        "symbols": {"D": 4},
        "graphs": {"query_encoder": graph},
    }
    return Export("ours", tmp_path, contract, gates)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    words = ("red", "blue", "lemon", "garden", "beach")
    queries = [f"{first} {second}" for first in words for second in words]
    splits = ["train"] * 20 + ["test"] * 5
    pl.DataFrame({"query": queries, "split": splits}).write_parquet(tmp_path / "judgments.parquet")
    pl.DataFrame({"query": ["a logged query"]}).write_parquet(tmp_path / "query_log.parquet")
    return tmp_path


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))


def test_no_measured_query_calibrates(data: Path, tokenizer: Tokenizer) -> None:
    queries = read_queries(data, Rendering(), tokenizer, (4,))
    stream = {query.text for query in queries.stream}
    assert len(stream) == 5
    assert not stream & {query.text for query in queries.calibration}
    assert "a logged query" in {query.text for query in queries.calibration}


def test_an_exact_length_counts_special_tokens(data: Path, tokenizer: Tokenizer) -> None:
    queries = read_queries(data, Rendering(), tokenizer, (4, 30))
    assert queries.of_length[4]
    assert all(
        tokenizer.encode(query.rendered).ids == query.ids and len(query.ids) == 4
        for query in queries.of_length[4]
    )
    assert queries.of_length[30] == []


def test_a_folder_of_training_queries_only_is_still_measured(
    data: Path, tokenizer: Tokenizer
) -> None:
    table = pl.read_parquet(data / "judgments.parquet").with_columns(split=pl.lit("train"))
    table.write_parquet(data / "judgments.parquet")
    queries = read_queries(data, Rendering(), tokenizer, (4,))
    assert queries.stream
    assert not {q.text for q in queries.stream} & {q.text for q in queries.calibration}


def test_peers_get_the_rendered_query(data: Path, tokenizer: Tokenizer) -> None:
    queries = read_queries(data, Rendering(query_prefix="query: "), tokenizer, ())
    assert all(q.rendered == f"query: {q.text}" for q in queries.stream)


def test_data_without_judgments_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(DatasetError, match="data folder"):
        read_queries(tmp_path, Rendering(), tokenizer, (8,))


def test_a_stream_begins_again_at_its_end(data: Path, tokenizer: Tokenizer) -> None:
    stream = read_queries(data, Rendering(), tokenizer, ()).stream
    assert list(cycle_from(stream, 3, 4)) == [stream[3], stream[4], stream[0], stream[1]]


def test_a_ratio_is_the_median_over_rounds() -> None:
    found = ratio([[8, 9, 10], [20, 20, 20], [2, 4, 40]], [[3, 3, 3], [2, 2, 2], [1, 1, 1]])
    assert found["rounds"] == [3.0, 10.0, 4.0]
    assert (found["low"], found["value"], found["high"]) == (3.0, 4.0, 10.0)


def test_the_best_peer_is_neither_ours_nor_cut() -> None:
    times = {name: {EIGHT: [[ms]]} for name, ms in (("a", 3.0), ("b", 2.0), ("o", 1.0), ("c", 0.5))}
    everyone = [competitor("a"), competitor("b"), competitor("o", "ours"), competitor("c", "cut")]
    assert best_peer(everyone, times, EIGHT) == "b"
    assert best_peer(everyone, times, TEXT) is None


def test_the_headline_takes_ours_under_its_target_and_the_peer_at_its_best(
    tmp_path: Path,
) -> None:
    times = {
        REFERENCE: {EIGHT: [[6.0], [6.0]]},
        "onnxruntime 1.19.2 O3 int8": {EIGHT: [[1.0], [1.0]]},
        "ours, onnxruntime 1.19.2": {EIGHT: [[0.5], [0.6]]},
        "ours, onnxruntime 1.32.0": {EIGHT: [[0.1], [0.1]]},
    }
    everyone = [competitor(name, "ours" if "ours" in name else "peer") for name in times]
    gates = {"ranking.ndcg_loss_rel": 0.002}
    values, _ = headline(everyone, times, export(tmp_path, gates), None, {"ours": 0.001})
    assert values["ndcg_loss_rel"] == 0.001
    values, behind = headline(everyone, times, export(tmp_path, gates), None, {})
    assert values == {
        "speedup_vs_torch_8tok": 11.0,
        "best_peer_over_ours_8tok": 1.8333,
        "speedup_cut_8tok": None,
        "ndcg_loss_rel": 0.002,
        "ndcg_loss_cut_rel": None,
        "batch_sensitivity_cosine": None,
    }
    assert behind["best_peer_over_ours_8tok"]["slower"] == "onnxruntime 1.19.2 O3 int8"


def test_who_cannot_be_measured_is_listed_with_the_reason() -> None:
    everyone = [competitor(REFERENCE), competitor("fastembed O3")]
    times = {REFERENCE: {TEXT: [[1.0]]}}
    rows = summarize(everyone, times, {}, {"fastembed O3": "no such module"})
    assert rows[1]["failed"] == "no such module"
    assert rows[0]["cells"][TEXT]["speedup_vs_torch"]["value"] == 1.0


def test_a_cut_encoder_is_not_compared_with_weights_that_are_not_its_own() -> None:
    vectors = {REFERENCE: np.eye(2), "ours": np.eye(2) * 3, "small": np.ones((2, 5))}
    everyone = [competitor(REFERENCE), competitor("ours", "ours"), competitor("small", "cut")]
    cosines = compare(everyone, vectors)
    assert cosines["ours"] == {"mean": 1.0, "min": 1.0, "texts": 2}
    assert "small" not in cosines


def test_an_export_of_another_width_is_refused() -> None:
    vectors = {REFERENCE: np.eye(2), "ours": np.ones((2, 5))}
    with pytest.raises(InputError, match="--encoder"):
        compare([competitor(REFERENCE), competitor("ours", "ours")], vectors)


def test_a_head_says_the_same_after_it_was_saved(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(6, 4)).astype(np.float32)
    head = Head("mean", ((weight, np.ones(4, np.float32), "Tanh"),), normalize=True)
    head.save(tmp_path / "head.npz")
    tokens = random.normal(size=(5, 6)).astype(np.float32)
    vector = Head.load(tmp_path / "head.npz")(tokens)
    expected = np.tanh(tokens.mean(axis=0) @ weight + 1)
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_worker_that_cannot_load_says_why(tmp_path: Path) -> None:
    environment = PeerEnvironment(Path(sys.executable), {})
    broken = competitor("broken", loader="session")
    broken.spec["graph"] = str(tmp_path / "absent.onnx")  # type: ignore[index]
    with pytest.raises(SetupError, match=r"process ended.*absent\.onnx"):
        Worker(broken, environment, None).__enter__()


def test_a_worker_gives_a_vector_and_a_time_for_each_query(tmp_path: Path) -> None:
    environment = PeerEnvironment(Path(sys.executable), {})
    spec = {
        "graph": str(token_graph(tmp_path)), "tokenizer": str(TOKENIZER), "max_tokens": 8,
        "head": str(tmp_path / "head.npz"),
    }  # fmt: skip
    Head("mean", (), normalize=False).save(tmp_path / "head.npz")
    tiny = Competitor("tiny", "peer", "fp32", "sentence", "session", spec)
    with Worker(tiny, environment, None) as worker:
        assert worker.encoder_only
        (vector,) = worker.ask("embed", texts=["red shoes"])["vectors"]
        assert len(vector) == 1
        assert len(worker.ask("forward", ids=[[1, 2, 3]] * 5, warmup=2)["ms"]) == 3
        assert len(worker.ask("encode", texts=["red shoes"] * 4, warmup=1)["ms"]) == 3


def test_a_worker_renders_queries_by_the_text_rules_that_are_served(tmp_path: Path) -> None:
    environment = PeerEnvironment(Path(sys.executable), {})
    Rendering().save(tmp_path / "text.json")
    spec = {
        "graph": str(token_graph(tmp_path)), "tokenizer": str(TOKENIZER), "max_tokens": 8,
        "rules": str(Path(text.__path__[0])), "text": str(tmp_path / "text.json"),
    }  # fmt: skip
    with Worker(
        Competitor("tiny", "ours", "fp32", "sentence", "session", spec), environment, None
    ) as worker:
        given, wanted = worker.ask("embed", texts=["  RED\tshoes ", "red shoes"])["vectors"]
        assert given == wanted


def token_graph(folder: Path) -> Path:
    """A graph whose token vectors [1, L, 1] are the token ids."""
    import onnx
    from onnx import helper

    ids = helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, [1, "length"])
    out = helper.make_tensor_value_info("tokens", onnx.TensorProto.FLOAT, [1, "length", 1])
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["cast"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["cast", "last"], ["tokens"]),
    ]
    last = helper.make_tensor("last", onnx.TensorProto.INT64, [1], [2])
    graph = helper.make_graph(nodes, "tokens", [ids], [out], [last])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "tokens.onnx")
    return folder / "tokens.onnx"


def test_a_folder_that_is_no_venv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no venv"):
        open_environment("sentence", {"sentence": tmp_path})


@pytest.mark.parametrize("given", ["folder", "=folder", "name="])
def test_an_export_without_a_name_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="NAME=FOLDER"):
        named_folder(given)


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    graph = {"file": "query_encoder.onnx", "precision": "fp32"}
    contract = {"graphs": {"query_encoder": graph}, "symbols": {"D": 4}}
    (tmp_path / "contract.json").write_text(json.dumps(contract))
    (tmp_path / "gates.json").write_text(json.dumps({"gates": []}))
    with pytest.raises(InputError, match=r"query_encoder\.onnx is missing"):
        Export.open(f"ours={tmp_path}")
