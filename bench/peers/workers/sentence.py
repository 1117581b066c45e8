"""sentence-transformers with its torch, ONNX and OpenVINO backends.

Spec: ``folder``, ``backend``, ``file`` (of the backend's graph; "" for torch), ``max_tokens``.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from .peer import EncoderOnly, Peer


def load(spec: dict[str, Any]) -> Peer:
    """Load the folder on one thread."""
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    model = SentenceTransformer(
        spec["folder"],
        device="cpu",
        backend=spec["backend"],
        local_files_only=True,
        model_kwargs=_backend_options(spec["backend"], spec["file"]),
    )
    model.max_seq_length = spec["max_tokens"]
    transformer = model[0]
    takes_types = "token_type_ids" in model.tokenizer.model_input_names

    def prepare(ids: list[int]) -> dict[str, torch.Tensor]:
        row = torch.tensor([ids])
        inputs = {"input_ids": row, "attention_mask": torch.ones_like(row)}
        return inputs | ({"token_type_ids": torch.zeros_like(row)} if takes_types else {})

    def forward(inputs: dict[str, torch.Tensor]) -> Any:
        with torch.inference_mode():
            return transformer(dict(inputs))

    def encode(text: str) -> NDArray[np.float32]:
        return model.encode(text, prompt="", show_progress_bar=False)

    return Peer(encode, EncoderOnly(prepare, forward))


def _backend_options(backend: str, file: str) -> dict[str, Any]:
    """Return the graph's name and one thread, in the backend's own words."""
    if backend == "onnx":
        from onnxruntime import SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        return {
            "file_name": file, "provider": "CPUExecutionProvider", "session_options": options,
        }  # fmt: skip
    if backend == "openvino":
        return {"file_name": file, "ov_config": {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}}
    return {}
