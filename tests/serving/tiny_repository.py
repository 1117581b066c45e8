"""Builds model repositories of graphs with one or two nodes."""

from pathlib import Path

import onnx
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc import model_config_pb2 as pb

FLOAT = TensorProto.FLOAT


def arithmetic_graph(shape: list[int | str], element: int = FLOAT) -> onnx.ModelProto:
    """Return a graph with inputs A and B and outputs SUM and DIFF, all of one shape."""
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["A", "B"], ["SUM"]),
            helper.make_node("Sub", ["A", "B"], ["DIFF"]),
        ],
        "arithmetic",
        [helper.make_tensor_value_info(name, element, shape) for name in ("A", "B")],
        [helper.make_tensor_value_info(name, element, shape) for name in ("SUM", "DIFF")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def overridable_graph(width: int) -> onnx.ModelProto:
    """Return the arithmetic graph of shape [n, width] whose B is ones unless a request gives it."""
    model = arithmetic_graph(["n", width])
    ones = helper.make_tensor("B", FLOAT, [1, width], [1.0] * width)
    model.graph.initializer.append(ones)
    model.graph.input[1].type.tensor_type.shape.dim[0].dim_param = "m"
    return model


def model_config(
    name: str,
    *,
    max_batch_size: int,
    dims: list[int],
    inputs: tuple[str, ...] = ("A", "B"),
    outputs: tuple[str, ...] = ("SUM", "DIFF"),
    data_type: str = "TYPE_FP32",
    parameters: dict[str, str] | None = None,
) -> pb.ModelConfig:
    """Return the configuration of an arithmetic model on one CPU instance with one thread."""
    kind = pb.DataType.Value(data_type)
    return pb.ModelConfig(
        name=name,
        backend="onnxruntime",
        max_batch_size=max_batch_size,
        input=[pb.ModelInput(name=one, data_type=kind, dims=dims) for one in inputs],
        output=[pb.ModelOutput(name=one, data_type=kind, dims=dims) for one in outputs],
        instance_group=[pb.ModelInstanceGroup(count=1, kind=pb.ModelInstanceGroup.KIND_CPU)],
        parameters={
            key: pb.ModelParameter(string_value=value)
            for key, value in (parameters or {"intra_op_thread_count": "1"}).items()
        },
    )


def write_config(folder: Path, config: pb.ModelConfig) -> None:
    """Write config.pbtxt; protobuf's text leaves out a max_batch_size of 0, so it is added."""
    folder.mkdir(parents=True, exist_ok=True)
    text = text_format.MessageToString(config)
    if config.max_batch_size == 0:
        text += "max_batch_size: 0\n"
    (folder / "config.pbtxt").write_text(text)


def write_model(repository: Path, config: pb.ModelConfig, graph: onnx.ModelProto) -> None:
    """Write one ONNX model into a repository."""
    write_config(repository / config.name, config)
    (repository / config.name / "1").mkdir()
    onnx.save(graph, repository / config.name / "1" / "model.onnx")


RELEVANCE_MODEL = """
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        query = pb_utils.get_input_tensor_by_name(request, "QUERY").as_numpy()[0, 0].decode()
        pins = pb_utils.get_input_tensor_by_name(request, "PIN_IDS").as_numpy()
        if query == "fail":
            return pb_utils.InferenceResponse(error=pb_utils.TritonError("told to fail"))
        score = np.array([len(query) + len(pin.decode()) for pin in pins], np.float32)
        outputs = {
            "PROBABILITIES": np.full((len(pins), 5), 0.2, np.float32),
            "SCORE": score,
            "VALID": np.array([pin != b"unknown" for pin in pins]),
        }
        wanted = request.requested_output_names()
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, outputs[name]) for name in wanted]
        )
"""


def write_relevance(repository: Path) -> None:
    """Write a python model with the inputs and outputs of the ensemble ``relevance``."""
    config = pb.ModelConfig(
        name="relevance",
        backend="python",
        input=[
            pb.ModelInput(name="QUERY", data_type=pb.TYPE_STRING, dims=[1, 1]),
            pb.ModelInput(name="PIN_IDS", data_type=pb.TYPE_STRING, dims=[-1]),
        ],
        output=[
            pb.ModelOutput(name="PROBABILITIES", data_type=pb.TYPE_FP32, dims=[-1, 5]),
            pb.ModelOutput(name="SCORE", data_type=pb.TYPE_FP32, dims=[-1]),
            pb.ModelOutput(name="VALID", data_type=pb.TYPE_BOOL, dims=[-1]),
        ],
        instance_group=[pb.ModelInstanceGroup(count=1, kind=pb.ModelInstanceGroup.KIND_CPU)],
    )
    write_config(repository / "relevance", config)
    (repository / "relevance" / "1").mkdir()
    (repository / "relevance" / "1" / "model.py").write_text(RELEVANCE_MODEL)
