"""Runs one ONNX graph in another Python environment's ONNX Runtime, for whoever writes to stdin.

Run by the server environment's interpreter with nothing but numpy and onnxruntime:

    python -I runtime_worker.py MODEL INTRA_OP_THREADS INTER_OP_THREADS

A message is eight bytes of length (little-endian) and an ``.npz`` of that length. The first message
it sends holds its ONNX Runtime's version; then every message of inputs is answered with one of
outputs, both by their names. It ends when stdin does.
"""

import io
import sys
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import onnxruntime

LENGTH = 8


def send(stream: IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Write one message."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    stream.write(len(data).to_bytes(LENGTH, "little") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(LENGTH)
    if len(head) < LENGTH:
        return None
    with np.load(io.BytesIO(stream.read(int.from_bytes(head, "little")))) as arrays:
        return dict(arrays)


def main(path: str, intra_op: int, inter_op: int) -> None:
    """Answer messages until there are no more."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op
    options.inter_op_num_threads = inter_op
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    send(sys.stdout.buffer, {"version": np.array(onnxruntime.__version__)})
    while (inputs := receive(sys.stdin.buffer)) is not None:
        answers = session.run(names, inputs)
        send(sys.stdout.buffer, dict(zip(names, answers, strict=True)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
