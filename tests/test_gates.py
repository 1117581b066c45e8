import json
import math
from pathlib import Path

import pytest

from pintower.errors import GateFailed, InputError
from pintower.gates import (
    Gate,
    describe_environment,
    failed,
    gate,
    raise_if_failed,
    read_gates,
    require_gate_names,
    write_gates,
)


def test_limit_itself_passes_and_what_is_beyond_fails() -> None:
    assert gate("a", 0.5, 0.5).passed
    assert not gate("a", 0.51, 0.5).passed
    assert gate("a", 0.5, 0.5, better="higher").passed
    assert not gate("a", 0.49, 0.5, better="higher").passed


def test_figure_without_a_limit_passes() -> None:
    assert gate("a", 1e9).passed


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("measured", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_passes_a_limit(measured: float, better: str) -> None:
    assert not gate("a", measured, 0.5, better=better).passed


def test_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "gates.json"
    gates = [gate("a", 1, 2, unit="ms", detail={"n": 3}), gate("b", 1.0, 0.5)]
    write_gates(path, gates, {"cores": 2})
    assert read_gates(path) == gates
    written = json.loads(path.read_text())
    assert written["passed"] is False
    assert written["environment"] == {"cores": 2}


def test_nan_is_written_as_valid_json_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "gates.json"
    write_gates(path, [gate("a", math.nan, 1)], {})

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(path.read_text(), parse_constant=refuse)
    assert math.isnan(read_gates(path)[0].measured)


@pytest.mark.parametrize("content", ["[]", "{}", '{"gates": [{"name": "a"}]}', "x"])
def test_file_of_another_kind_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "gates.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"gates\.json"):
        read_gates(path)


def test_failure_names_each_failed_gate_with_its_figures() -> None:
    gates = [
        gate("good", 1, 2),
        gate("bad", 3, 2, unit="ms"),
        gate("low", 0.5, 0.9, better="higher"),
    ]
    with pytest.raises(GateFailed) as raised:
        raise_if_failed(gates, "The graphs")
    message = str(raised.value)
    assert "The graphs: 2 of 3 gates failed" in message
    assert "bad: measured 3 ms, allowed <= 2 ms" in message
    assert "low: measured 0.5, allowed >= 0.9" in message
    assert "good" not in message
    assert raised.value.exit_code == 1
    assert [item.name for item in failed(gates)] == ["bad", "low"]


def test_gates_that_passed_raise_nothing() -> None:
    raise_if_failed([gate("good", 1, 2)], "The graphs")


def test_environment_tells_versions_and_absent_packages() -> None:
    told = describe_environment("pytest", "no-such-package")
    assert told["pytest"] == pytest.__version__
    assert told["no-such-package"] is None
    assert told["processor"]


def test_gate_is_immutable() -> None:
    item: Gate = gate("a", 1)
    with pytest.raises(AttributeError):
        item.passed = False  # type: ignore[misc]


def test_a_gate_that_does_not_exist_is_refused_with_the_nearest_names() -> None:
    require_gate_names(["ranking.ndcg_loss_rel", "target.query_encoder.min_cosine"])
    with pytest.raises(InputError, match=r"'ndcg_loss'. Is it ranking.ndcg_loss_rel"):
        require_gate_names(["ndcg_loss"])
    with pytest.raises(InputError, match="No gate is called 'xyz'. All names stand in"):
        require_gate_names(["xyz"])
