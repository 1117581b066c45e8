"""A graph in another process's ONNX Runtime."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from pintower.errors import SetupError
from pintower.serving.runtime_session import RuntimeSession
from pintower.targets import Threads
from tests.serving.tiny_repository import arithmetic_graph

PYTHON = Path(sys.executable)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(arithmetic_graph(["n"]), path)
    return path


def test_it_runs_as_a_session_of_this_process_does(graph: Path) -> None:
    a, b = np.float32([1, 2]), np.float32([10, 20])
    with RuntimeSession(PYTHON, graph, Threads()) as session:
        assert session.version == onnxruntime.__version__
        difference, total = session.run(["DIFF", "SUM"], {"A": a, "B": b})
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(difference, a - b)


def test_a_graph_the_runtime_cannot_load_is_told_with_its_reason(graph: Path) -> None:
    graph.write_bytes(b"no graph")
    with (
        pytest.raises(SetupError, match=r"cannot run .*model\.onnx: .*Protobuf"),
        RuntimeSession(PYTHON, graph, Threads()),
    ):
        pass


def test_a_wrong_input_ends_the_worker_with_its_reason(graph: Path) -> None:
    with RuntimeSession(PYTHON, graph, Threads()) as session:
        with pytest.raises(SetupError, match=r"\['B'\]"):
            session.run(["SUM"], {"A": np.zeros(2, np.float32)})
        with pytest.raises(SetupError):
            session.run(["SUM"], {})
