from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from pintower.contracts import GraphContract
from pintower.export.int8.sensitivity import most_sensitive
from pintower.export.int8.static import Prepared, TokenBatches, prepare, write_int8
from pintower.models.onnx_session import open_graph


def embed(path: Path, contract: GraphContract, batches: TokenBatches) -> NDArray[np.float32]:
    graph = open_graph(path, contract)
    return np.concatenate([graph.run(ids, mask)[0] for ids, mask in batches])


def operators(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def test_attention_is_fused(fused: Path) -> None:
    assert operators(fused)["Attention"] == 2
    assert not operators(fused)["Softmax"]


def test_graph_with_every_product_kept_is_the_fp32_graph(
    fused: Path,
    contract: GraphContract,
    batches: TokenBatches,
    prepared: Prepared,
    tmp_path: Path,
) -> None:
    """Splitting layer norms and folding their scales must not change what is computed."""
    write_int8(prepared, tmp_path / "kept.onnx", keep=prepared.scales.keys())
    counts = operators(tmp_path / "kept.onnx")
    assert not counts["QuantizeLinear"] and counts["MeanVarianceNormalization"] == 4
    wanted = embed(fused, contract, batches)
    given = embed(tmp_path / "kept.onnx", contract, batches)
    np.testing.assert_allclose(given, wanted, atol=1e-3)  # GELU's tanh form


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_int8_embeddings_are_close_to_fp32(
    method: str, fused: Path, contract: GraphContract, batches: TokenBatches, tmp_path: Path
) -> None:
    write_int8(prepare(fused, batches, method, max_error=0.03), tmp_path / "int8.onnx")  # type: ignore[arg-type]
    counts = operators(tmp_path / "int8.onnx")
    assert counts["QAttention"] == 2 and counts["MatMulIntegerToFloat"] == 6
    assert not counts["Attention"] and not counts["MatMul"] - 1  # the mean over the tokens
    cosine = (
        embed(fused, contract, batches) * embed(tmp_path / "int8.onnx", contract, batches)
    ).sum(axis=1)
    assert cosine.min() > 0.995


def test_text_is_embedded_the_same_whatever_is_beside_it(
    contract: GraphContract, batches: TokenBatches, prepared: Prepared, tmp_path: Path
) -> None:
    write_int8(prepared, tmp_path / "int8.onnx")
    graph = open_graph(tmp_path / "int8.onnx", contract)
    for ids, mask in batches:
        together = graph.run(ids, mask)[0]
        for row, length in enumerate(mask.sum(axis=1)):
            alone = graph.run(ids[row : row + 1, :length], mask[row : row + 1, :length])[0]
            np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


def test_positions_and_token_types_are_known_beforehand(prepared: Prepared, tmp_path: Path) -> None:
    """Ids made of a text's shape, as every release of transformers traces them otherwise, go."""
    write_int8(prepared, tmp_path / "int8.onnx")
    counts = operators(tmp_path / "int8.onnx")
    model = onnx.load(tmp_path / "int8.onnx")
    tables = {weight.name for weight in model.graph.initializer if len(weight.dims) == 2}
    looked_up = [n for n in model.graph.node if n.op_type == "Gather" and n.input[0] in tables]
    assert len(looked_up) == 1  # the word pieces
    assert not counts["Expand"] + counts["GatherElements"] + counts["ConstantOfShape"]


def test_kept_product_stays_in_fp32(prepared: Prepared, tmp_path: Path) -> None:
    kept = next(iter(prepared.scales))
    write_int8(prepared, tmp_path / "mixed.onnx", keep=[kept])
    counts = operators(tmp_path / "mixed.onnx")
    assert counts["Attention"] == 1 and counts["QAttention"] == 1


def test_most_sensitive_product_is_the_one_that_is_quantized_badly(
    batches: TokenBatches, prepared: Prepared
) -> None:
    spoilt = list(prepared.scales)[3]
    scale = prepared.scales[spoilt]
    coarse = replace(scale, step=scale.step * 40)
    bad = Prepared(prepared.source, {**prepared.scales, spoilt: coarse}, prepared.groups)
    kept = most_sensitive(bad, batches)
    assert kept[0] == spoilt
    assert len(kept) == 2
