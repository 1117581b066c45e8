"""Triton model ``embedding_to_cpu``: a query's embedding from the GPU's memory to the CPU's.

Triton's response cache takes tensors in CPU memory only, and a GPU instance's outputs lie in the
GPU's. This step stands between the query encoder and the cache around both.
"""

from collections.abc import Sequence
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One instance; the python backend hands it its inputs in CPU memory."""

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request: EMBEDDING_ON_GPU FP32 [B, D] to the same EMBEDDING."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        embedding = pb_utils.get_input_tensor_by_name(request, "EMBEDDING_ON_GPU").as_numpy()
        return pb_utils.InferenceResponse([pb_utils.Tensor("EMBEDDING", embedding)])
