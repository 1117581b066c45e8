import math
from pathlib import Path

import pytest

from pintower.gates import Gate, gate, write_gates
from pintower.report.gate_tables import GateFile, describe_gates, share_of_limit


def described(folder: Path, *gates: Gate) -> GateFile:
    write_gates(folder / "gates.json", gates, {})
    found = describe_gates("Graphs", folder / "gates.json")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("item", "share"),
    [(gate("scorer.max_abs", 2e-6, 1e-4), 0.02),
     (gate("encoder.min_cosine", 0.99, 0.95, better="higher"), 0.2),
     (gate("encoder.min_cosine", 0.90, 0.95, better="higher"), 2.0),
     (gate("served_errors", 0, 0), None),
     (gate("scorer.opset", 17, 21), None),
     (gate("speed", 90, 50, better="higher"), None),
     (gate("scorer.file_size", 3), None)],
)  # fmt: skip
def test_the_share_of_a_limit_is_how_much_of_it_is_used_up(item: Gate, share: float | None) -> None:
    found = share_of_limit(item)
    assert found == (None if share is None else pytest.approx(share))


def test_gates_are_told_apart_by_what_they_allow(tmp_path: Path) -> None:
    file = described(
        tmp_path,
        gate("scorer.opset", 17, 21),
        gate("scorer.max_abs", 2e-6, 1e-4, detail={"pairs": 1000, "queries": 1, "mean": 0.1}),
        gate("served_errors", 0, 0, unit="queries"),
        gate("scorer.file_size", 12.5, unit="MB"),
    )
    assert [row.name for row in file.limited] == [
        "Scorer: largest difference from torch", "Scorer: ONNX opset"
    ]  # fmt: skip
    assert file.limited[0].over == "1,000 pairs, 1 query"
    assert file.limited[0].allowed == "≤\u00a01.0\u00a0×\u00a010⁻⁴"
    assert [row.name for row in file.zero] == ["Queries answered with an error"]
    assert [(row.measured, row.allowed) for row in file.told] == [("12.5 MB", "")]
    assert (file.decided, file.failed) == (3, [])


def test_failed_gates_come_first_even_where_nothing_was_measured(tmp_path: Path) -> None:
    file = described(
        tmp_path,
        gate("runtimes_agree", 0.1, 1.0),
        gate("something.new", math.nan, 1.0),
        gate("served_errors", 3, 0),
    )
    assert [row.name for row in file.limited][0] == "Something new"
    assert [row.key for row in file.failed] == ["something.new", "served_errors"]
    assert file.limited[0].measured == "–"


def test_gates_that_were_not_measured_are_no_table(tmp_path: Path) -> None:
    assert describe_gates("Served", tmp_path / "gates.json") is None


def test_loss_that_is_a_gain_uses_nothing_of_its_limit() -> None:
    assert share_of_limit(gate("ranking.ndcg_loss_rel_low", -0.001, 0.005)) == 0


def test_a_gate_by_language_names_the_language_and_those_that_were_not_measured(
    tmp_path: Path,
) -> None:
    detail = {
        "language": "th",
        "queries": 25,
        "losses": {"en": 0, "th": 0.03},
        "together": {"ja": 9},
    }
    file = described(
        tmp_path,
        gate("ranking.language_ndcg_loss_rel", 0.03, 0.02, detail=detail),
        gate("pin_ranking.language_ndcg_loss_rel_low", 0.01, 0.02, detail={"language": "ja"}),
        gate(
            "target.query_encoder.language_cosine",
            0.99,
            0.95,
            better="higher",
            detail={"language": "ko", "texts": 3},
        ),
        gate("other.gate", math.nan, detail={"unmeasured": {"ko": 1, "th": 19}}),
    )
    lost, pins = file.limited
    assert lost.name == "Loss of nDCG@20 of the language that loses most: th"
    assert (lost.over, lost.passed) == ("25 queries, measured together: ja (9)", False)
    assert pins.name == (
        "Pins: Loss of nDCG@20 of the language that loses most, lower end of its interval: ja"
    )
    assert file.told[0].over == "too few queries to measure: ko (1), th (19)"
    found = describe_gates("Graphs", tmp_path / "gates.json", in_target=True)
    assert found is not None
    name = "Query encoder: mean cosine with torch of the language embedded worst: ko"
    assert [row.name for row in found.limited] == [name]


def test_gates_in_the_targets_runtime_are_a_table_of_their_own(tmp_path: Path) -> None:
    both = [gate("scorer.max_abs", 2e-6, 1e-4), gate("target.scorer.max_abs", 3e-6, 1e-4)]
    write_gates(tmp_path / "gates.json", both, {})
    for in_target, measured in ((False, "2.0"), (True, "3.0")):
        found = describe_gates("Graphs", tmp_path / "gates.json", in_target=in_target)
        assert found is not None
        (row,) = found.limited
        assert row.name == "Scorer: largest difference from torch"
        assert row.measured.startswith(measured)
    write_gates(tmp_path / "gates.json", both[:1], {})
    assert describe_gates("Graphs", tmp_path / "gates.json", in_target=True) is None


def test_served_gates_say_what_served_and_what_the_release_is_for(tmp_path: Path) -> None:
    served = {"backend": "local server", "triton_release": "26.11"}
    write_gates(tmp_path / "gates.json", [gate("served_errors", 0, 0)], served)
    found = describe_gates("Served", tmp_path / "gates.json")
    assert found is not None
    assert found.where == "Measured on a local server. The release is for Triton 26.11."
    assert described(tmp_path, gate("scorer.max_abs", 2e-6, 1e-4)).where == ""
