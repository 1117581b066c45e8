"""sentence-transformers with its torch, ONNX and OpenVINO backends.

Spec: ``folder``, ``backend``, ``file`` (of the backend's graph; "" for torch), ``max_tokens``; for
other than one thread and fp32 ``threads`` and ``dtype`` (of torch).
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from .peer import EncoderOnly, Peer

BATCH = 32


def load(spec: dict[str, Any]) -> Peer:
    """Load the folder."""
    threads = spec.get("threads", 1)
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    model = SentenceTransformer(
        spec["folder"],
        device="cpu",
        backend=spec["backend"],
        local_files_only=True,
        model_kwargs=_backend_options(spec, threads),
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

    def encode_all(texts: list[str]) -> NDArray[np.float32]:
        return model.encode(
            texts, prompt="", batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True
        ).astype(np.float32)

    return Peer(encode, EncoderOnly(prepare, forward), encode_all)


def _backend_options(spec: dict[str, Any], threads: int) -> dict[str, Any]:
    """Return the graph's name and the number of threads, in the backend's own words."""
    backend, file = spec["backend"], spec["file"]
    if backend == "onnx":
        from onnxruntime import SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        return {
            "file_name": file, "provider": "CPUExecutionProvider", "session_options": options,
        }  # fmt: skip
    if backend == "openvino":
        return {
            "file_name": file, "ov_config": {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1},
        }  # fmt: skip
    return {"torch_dtype": spec["dtype"]} if "dtype" in spec else {}
