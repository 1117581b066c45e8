"""The served query encoder answers whatever ids it is given, as it answers them in any company."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pintower.contracts import load_graph_contract
from pintower.export.entrance import add_entrance, without_entrance
from pintower.export.graphs import EncoderGraph
from pintower.export.tracing import trace
from pintower.models.onnx_session import OnnxGraph, open_graph
from pintower.models.student import load_student
from pintower.text.token_ids import id_rows, padding_of

WIDTH, LONGEST, VOCABULARY = 17, 16, 186
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 40) | st.sampled_from([185, 186])
rows = st.integers(1, 3).flatmap(lambda n: arrays(np.int64, (n, WIDTH), elements=numbers))


@pytest.fixture(scope="module")
def inner(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("entrance") / "inner.onnx"
    contract = without_entrance(load_graph_contract("query_encoder").resolve({"D": 16, "Q": 0}))
    trace(EncoderGraph(load_student(tiny_student).query_encoder), contract, path)
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["cut", "whole"])
def graph(request: pytest.FixtureRequest, inner: Path) -> OnnxGraph:
    contract = load_graph_contract("query_encoder").resolve({"D": 16, "Q": 0, "T": WIDTH})
    path = inner.with_name(f"{request.param}.onnx")
    shutil.copyfile(inner, path)
    add_entrance(path, contract, vocabulary=VOCABULARY, cut=request.param)
    return open_graph(path, contract)


@settings(max_examples=150, deadline=None)
@given(ids=rows)
def test_any_numbers_give_finite_embeddings_that_hang_on_their_own_row(
    graph: OnnxGraph, ids: np.ndarray
) -> None:
    together = graph.run(ids)[0]
    assert together.shape == (len(ids), 16) and np.isfinite(together).all()
    for row, embedding in zip(ids, together, strict=True):
        np.testing.assert_allclose(graph.run(row[None])[0][0], embedding, atol=1e-5)


def test_ids_and_mask_reach_the_encoder(graph: OnnxGraph, inner: Path) -> None:
    alone = open_graph(inner, without_entrance(graph.contract))
    for tokens in ([2, 7, 9, 3], [5], list(range(2, 2 + LONGEST))):
        row = np.array([tokens], np.int64)
        wanted = alone.run(row, np.ones_like(row))[0]
        for padding in (-1, padding_of("f" * 64), padding_of("0" * 64)):
            given_ = id_rows([tokens], WIDTH, padding)
            np.testing.assert_allclose(graph.run(given_)[0], wanted, atol=1e-6)


def test_no_table_holds_it_so_it_is_the_last_id(graph: OnnxGraph) -> None:
    beyond, last = (graph.run(id_rows([[2, n, 3]], WIDTH))[0] for n in (10**12, VOCABULARY - 1))
    assert (beyond == last).all()


def test_the_last_place_is_never_a_token(graph: OnnxGraph) -> None:
    full = np.arange(2, 2 + WIDTH, dtype=np.int64)[None]
    padded = id_rows([full[0, :LONGEST].tolist()], WIDTH)
    assert (graph.run(full)[0] == graph.run(padded)[0]).all()


def test_every_row_says_whose_it_is() -> None:
    """The longest query has padding too, else two encoders' cache entries could be one."""
    rows = {padding_of(digest): id_rows([range(LONGEST)], WIDTH, padding_of(digest)).tobytes()
            for digest in ("0" * 64, "1" + "0" * 63, "f" * 64)}  # fmt: skip
    assert len(rows) == len(set(rows.values())) == 3
    assert all(-(2**63) <= padding < 0 for padding in rows)
