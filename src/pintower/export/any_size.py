"""Check that a traced encoder holds for texts of every length and batch, not the traced ones alone.

A tracer follows the branches and loops that a model's code takes for one size of input, and writes
numbers that it computed from it as constants. Such a graph fails at other sizes, or is wrong.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pintower.contracts import GraphContract
from pintower.errors import StudentError
from pintower.export.graphs import EncoderGraph
from pintower.models.onnx_session import RUN_ERRORS, open_graph

__all__ = ["require_any_size"]

_LONGEST = 1_024
"""Tokens beyond which no text is tried: attention in torch takes their square."""

_ALLOWED = 1e-2
"""Largest difference, divided by the longest embedding. Smaller ones are for the gates to judge."""


def require_any_size(
    graph: EncoderGraph, path: Path, contract: GraphContract, *, longest: int, vocabulary: int
) -> None:
    """Run a traced file beside its module, one text alone and padded ones, short and long.

    Args:
        graph: what was traced.
        path: of the file.
        contract: of both.
        longest: tokens that the encoder takes.
        vocabulary: token ids that it knows.

    Raises:
        StudentError: if the file fails or differs at a size.
    """
    traced, random = open_graph(path, contract), np.random.default_rng(0)
    features = [int(tensor.shape[1]) for tensor in contract.inputs[2:]]
    for batch, length in ((1, 1), (3, 4), (2, min(longest, _LONGEST))):
        ids = random.integers(1, vocabulary, (batch, length))
        mask = np.ones_like(ids)
        mask[1:, (length + 1) // 2 :] = 0
        inputs: list[NDArray[Any]] = [ids * mask, mask]
        inputs += [random.random((batch, width), np.float32) for width in features]
        with torch.inference_mode():
            wanted = graph(*(torch.from_numpy(value) for value in inputs))["EMBEDDING"].numpy()
        try:
            difference = float(np.abs(traced.run(*inputs)[0] - wanted).max())
        except RUN_ERRORS as error:
            raise StudentError(_told(contract.name, length, "fails")) from error
        relative = difference / max(float(np.linalg.norm(wanted, axis=1).max()), 1e-12)
        if not relative <= _ALLOWED:
            raise StudentError(_told(contract.name, length, f"is {relative:.2g} away"))


def _told(name: str, length: int, what: str) -> str:
    return (
        f"The {name} cannot be served: its ONNX graph {what} at {length} tokens, as its code "
        "computes with the length that it was traced at. Not supported."
    )
