from pathlib import Path

import pytest

from pintower.contracts import BuiltGraph, load_graph_contract
from pintower.export.choice import NoSuchForm, choose_precision
from pintower.gates import Gate, failed, gate
from pintower.targets import Precision

LOSS: dict[Precision, float] = {"int8-dynamic": 0.02, "int8-static": 0.001, "fp32": 0.0}


def build(precision: Precision) -> BuiltGraph:
    contract = load_graph_contract("query_encoder").resolve({"D": 4, "Q": 0})
    names = {"file": "query_encoder.onnx", "sha256": "", "artifact_id": ""}
    return BuiltGraph(**contract.model_dump(), precision=precision, **names)


def measure(built: BuiltGraph) -> list[Gate]:
    return [gate("ranking.ndcg_loss_rel", LOSS[built.precision], 0.005)]


def test_first_precision_that_passes_is_taken_and_the_refused_one_told() -> None:
    choice = choose_precision(
        "query_encoder", ["int8-dynamic", "int8-static", "fp32"], build, measure, []
    )
    assert choice.built.precision == "int8-static"
    assert not failed(choice.gates)
    detail = choice.gates[-1].detail
    assert detail["taken"] == "int8-static"
    assert list(detail["refused"]) == ["int8-dynamic"]
    assert "measured 0.02, allowed <= 0.005" in detail["refused"]["int8-dynamic"][0]


def no_int8(precision: Precision) -> BuiltGraph:
    if precision != "fp32":
        raise NoSuchForm("int8: nothing to quantize")
    return build(precision)


def test_a_graph_without_an_int8_form_falls_back() -> None:
    choice = choose_precision("query_encoder", ["int8-static", "fp32"], no_int8, measure, [])
    assert choice.built.precision == "fp32"
    assert choice.gates[-1].detail["refused"] == {"int8-static": ["int8: nothing to quantize"]}


def test_a_list_of_forms_that_a_graph_does_not_have_is_refused() -> None:
    with pytest.raises(NoSuchForm, match="nothing to quantize"):
        choose_precision("query_encoder", ["int8-static"], no_int8, measure, [])


def test_last_precision_keeps_its_failed_gates() -> None:
    choice = choose_precision("query_encoder", ["int8-dynamic"], build, measure, [])
    assert [item.name for item in failed(choice.gates)] == ["ranking.ndcg_loss_rel"]


def test_overruled_gate_passes_and_says_so() -> None:
    choice = choose_precision(
        "query_encoder", ["int8-dynamic", "fp32"], build, measure, ["ranking.ndcg_loss_rel"]
    )
    assert choice.built.precision == "int8-dynamic"
    assert choice.gates[0].overruled
    assert choice.gates[0].passed


@pytest.mark.parametrize("wrong", ["ndcg", "ranking"])
def test_name_that_is_no_gate_overrules_nothing(wrong: str, tmp_path: Path) -> None:
    choice = choose_precision("query_encoder", ["int8-dynamic"], build, measure, [wrong])
    assert failed(choice.gates)
