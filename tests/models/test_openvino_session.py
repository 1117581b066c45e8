"""A pin encoder in bf16: OpenVINO in the place of ONNX Runtime, and a machine that lacks it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.contracts import BuiltGraph
from pintower.errors import RepositoryError, SetupError
from pintower.export.build import GraphBuilder
from pintower.models import openvino_session
from pintower.models.onnx_session import GraphEncoder, OnnxGraph, open_graph
from pintower.models.openvino_session import OpenVinoSession, open_sessions
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer
from pintower.serving.machine import cpu_flags
from pintower.targets import load_target
from tests.bf16 import INSTRUCTIONS, needs_bf16, needs_openvino


@pytest.fixture(scope="module")
def student(tiny_student: Path) -> Student:
    return load_student(tiny_student)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(scope="module")
def built(student: Student, folder: Path) -> BuiltGraph:
    """The pin encoder in bf16."""
    builder = GraphBuilder(student, load_target("cpu-fp32"), folder, lambda name: [])
    return builder.build("pin_encoder", "bf16")


@pytest.fixture
def any_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the graph in fp32 where there are no products in bf16: what is tested is the same."""
    if cpu_flags().isdisjoint(INSTRUCTIONS):
        monkeypatch.setattr(openvino_session, "cpu_flags", lambda: frozenset(INSTRUCTIONS))
        monkeypatch.setattr(openvino_session, "_PRECISION", "f32")


def inputs(
    student: Student, pins: pl.DataFrame
) -> tuple[list[str], np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None]:
    return pin_texts(pins, student.rendering), feature_matrix(pins, student.columns)


def encoder(student: Student, *graphs: OnnxGraph) -> GraphEncoder:
    tokenizer = load_tokenizer(student.layout.pin_encoder, student.rendering.pin_max_tokens)
    return GraphEncoder(graphs[0], tokenizer, graphs[1:])


@needs_bf16
def test_embeddings_are_torchs_to_what_bf16_holds(
    student: Student, built: BuiltGraph, folder: Path, tiny_pins: pl.DataFrame
) -> None:
    graph = open_graph(folder / built.file, built)
    given = encoder(student, graph).embed(*inputs(student, tiny_pins), batch_tokens=200)
    wanted = student.embed_pins(tiny_pins)
    assert given.dtype == np.float32
    assert (given * wanted).sum(axis=1).min() > 0.999
    assert 1e-5 < np.abs(given - wanted).max() < 0.02  # not fp32 by another name


@needs_openvino
@pytest.mark.usefixtures("any_cpu")
def test_batches_side_by_side_are_as_one_after_the_other(
    student: Student, built: BuiltGraph, folder: Path, tiny_pins: pl.DataFrame
) -> None:
    many = pl.concat([tiny_pins] * 10)
    path = folder / built.file
    one, *four = (
        OnnxGraph(built, session)
        for count in (1, 4)
        for session in open_sessions(path, count, threads=1)
    )
    alone = encoder(student, one).embed(*inputs(student, many), batch_tokens=100)
    together = encoder(student, *four).embed(*inputs(student, many), batch_tokens=100)
    np.testing.assert_array_equal(together, alone)


@needs_openvino
@pytest.mark.usefixtures("any_cpu")
def test_shapes_that_come_often_are_loaded_and_change_rounding_alone(
    student: Student, built: BuiltGraph, folder: Path, tiny_pins: pl.DataFrame
) -> None:
    texts, vectors = inputs(student, tiny_pins.head(9))
    graph = open_graph(folder / built.file, built)
    run = encoder(student, graph)
    few = run.embed(texts, vectors, batch_tokens=64)
    limit = student.rendering.pin_max_tokens
    assert isinstance(graph.session, OpenVinoSession)
    assert not graph.session.loaded.fixed
    repeated = None if vectors is None else np.concatenate([vectors] * 40)
    many = run.embed(texts * 40, repeated, batch_tokens=64)
    loaded = graph.session.loaded.fixed
    assert loaded and all(places % 16 == 0 or places == limit for (_, places), *_ in loaded)
    for copy in np.split(many, 40):
        np.testing.assert_allclose(copy, few, atol=0.02)


@needs_openvino
@pytest.mark.usefixtures("any_cpu")
def test_embeddings_do_not_hang_on_what_was_embedded_before(
    student: Student, built: BuiltGraph, folder: Path, tiny_pins: pl.DataFrame
) -> None:
    """A killed update goes on in a new process, and is to end with the same bytes."""
    texts, vectors = inputs(student, pl.concat([tiny_pins] * 40))
    path = folder / built.file
    old, new = (encoder(student, open_graph(path, built)) for _ in range(2))
    few = None if vectors is None else vectors[:9]
    first = old.embed(texts[:9], few, batch_tokens=64)
    every = old.embed(texts, vectors, batch_tokens=64)
    np.testing.assert_array_equal(new.embed(texts, vectors, batch_tokens=64), every)
    np.testing.assert_array_equal(old.embed(texts[:9], few, batch_tokens=64), first)


@needs_openvino
@pytest.mark.usefixtures("any_cpu")
def test_lengths_are_rounded_up_to_tiles_where_memory_holds_the_copies(
    built: BuiltGraph, folder: Path
) -> None:
    (session,) = open_sessions(folder / built.file, 1, threads=1)
    assert [session.length_step(limit) for limit in (8, 128, 256, 257, 512)] == [16, 16, 16, 32, 32]
    large = replace(session, loaded=replace(session.loaded, bytes=2**31))
    assert large.length_step(64) == 16
    assert large.length_step(128) is None


@needs_openvino
@pytest.mark.usefixtures("any_cpu")
def test_a_result_is_not_overwritten_by_the_next(
    student: Student, built: BuiltGraph, folder: Path, tiny_pins: pl.DataFrame
) -> None:
    texts, vectors = inputs(student, tiny_pins)
    graph = open_graph(folder / built.file, built)
    run = encoder(student, graph)
    (first,) = graph.run(*run.inputs(texts[:4], None if vectors is None else vectors[:4]))
    kept = first.copy()
    graph.run(*run.inputs(texts[4:8], None if vectors is None else vectors[4:8]))
    np.testing.assert_array_equal(first, kept)


@needs_openvino
@pytest.mark.usefixtures("any_cpu")
def test_a_file_that_is_no_graph_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "pin_encoder.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(RepositoryError, match=r"OpenVINO .* cannot load .*pin_encoder\.onnx"):
        open_sessions(path, 1, threads=1)


@needs_openvino
def test_importing_openvino_reports_to_nobody_and_forks_nothing(tmp_path: Path) -> None:
    lines = (
        "import os, sys",
        "os.register_at_fork(before=lambda: print('forked', flush=True))",
        "from pintower.models.openvino_session import _import_openvino",
        "print(_import_openvino().__name__, 'openvino_telemetry' in sys.modules)",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "openvino False\n"
    assert list(tmp_path.iterdir()) == []


@needs_openvino
def test_first_batches_of_two_threads_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """In a process each, since what they would wait for is made once."""
    lines = (
        "import sys, threading",
        "sys.setswitchinterval(1e-6)",
        "from pathlib import Path",
        "import numpy as np",
        "from onnx import TensorProto, helper, save",
        "from pintower.models import openvino_session",
        "openvino_session.cpu_flags = lambda: frozenset({'amx_bf16'})",
        "openvino_session._PRECISION = 'f32'",
        "x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None]) for n in 'xy')",
        "graph = helper.make_graph([helper.make_node('Neg', ['x'], ['y'])], 'g', [x], [y])",
        "model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])",
        "path = Path(sys.argv[1]) / 'g.onnx'",
        "save(helper.make_model(graph, opset_imports=model.opset_import, ir_version=8), path)",
        "sessions = openvino_session.open_sessions(path, 8, threads=1)",
        "start = threading.Barrier(8)",
        "def run(session):",
        "    start.wait()",
        "    session.run(['y'], {'x': np.ones(3, np.float32)})",
        "threads = [threading.Thread(target=run, args=(one,)) for one in sessions]",
        "[one.start() for one in threads]",
        "[one.join() for one in threads]",
    )
    for _ in range(12):
        command = [sys.executable, "-c", "\n".join(lines), str(tmp_path)]
        subprocess.run(command, check=True, timeout=60)


def test_a_machine_without_openvino_is_told_what_to_install(
    built: BuiltGraph, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(SetupError, match=r"pip install 'pintower\[openvino\]'"):
        open_graph(folder / built.file, built)


@needs_openvino
def test_a_cpu_that_would_imitate_bf16_is_refused(
    built: BuiltGraph, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO takes AVX-512 alone for enough, and is slower there than in fp32."""
    monkeypatch.setattr(openvino_session, "cpu_flags", lambda: frozenset({"avx2", "avx512f"}))
    with pytest.raises(SetupError, match="lacks avx512_bf16 and amx_bf16"):
        open_graph(folder / built.file, built)


def test_no_other_precision_needs_openvino(
    built: BuiltGraph, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    open_graph(folder / built.file, built.model_copy(update={"precision": "fp32"}))
