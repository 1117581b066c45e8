"""ONNX Runtime called directly: optimum's graphs, and the query encoders that pintower exports.

Needs onnxruntime, tokenizers and numpy only, so that the server environment can run it. Spec:
``graph``, ``tokenizer``, ``max_tokens``; then ``head`` for a graph that gives token vectors, or
``rules`` (the package of text rules) and ``text`` (how they are set) for one that gives the
query's vector.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from .head import Head
from .peer import EncoderOnly, Peer

TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


def load(spec: dict[str, Any]) -> Peer:
    """Open the graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        spec["graph"], options, providers=["CPUExecutionProvider"]
    )
    inputs = session.get_inputs()
    types = {tensor.name: TYPES[tensor.type] for tensor in inputs}
    last = inputs[0].shape[-1]
    width = last if isinstance(last, int) else 0  # one width for all, of pintower's encoders
    outputs = [session.get_outputs()[0].name]

    def prepare(ids: list[int]) -> dict[str, NDArray[Any]]:
        padding = [-1] * (width - len(ids))
        known = {
            "input_ids": [ids + padding],
            "attention_mask": [[1] * len(ids)],
            "token_type_ids": [[0] * len(ids)],
        }
        return {name: np.array(known[name.lower()], dtype) for name, dtype in types.items()}

    def forward(inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        first: NDArray[np.float32] = session.run(outputs, inputs)[0]
        return first

    tokenizer = open_tokenizer(spec)
    normalize = _normalizer(spec) if "text" in spec else str
    head = Head.load(Path(spec["head"])) if "head" in spec else None

    def encode(text: str) -> NDArray[np.float32]:
        first = forward(prepare(tokenizer.encode(normalize(text)).ids))[0]
        return first if head is None else head(first)

    return Peer(encode, EncoderOnly(prepare, forward))


def open_tokenizer(spec: dict[str, Any]) -> Tokenizer:
    """Return the spec's tokenizer, which cuts and never pads."""
    tokenizer = Tokenizer.from_file(spec["tokenizer"])
    tokenizer.no_padding()
    tokenizer.enable_truncation(spec["max_tokens"])
    tokenizer.encode_special_tokens = "text" in spec  # as the served tokenizer has it
    return tokenizer


def _normalizer(spec: dict[str, Any]) -> Callable[[str], str]:
    """Return the query rendering that pintower serves, from its package of text rules alone."""
    folder = Path(spec["rules"])
    found = importlib.util.spec_from_file_location(
        "rules", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if found is None or found.loader is None:
        raise ImportError(f"{folder} is no Python package.")
    package = sys.modules["rules"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(package)
    module = importlib.import_module("rules.rendering")
    rules = module.Rendering.load(Path(spec["text"]))
    return lambda text: module.render_query(text, rules)
