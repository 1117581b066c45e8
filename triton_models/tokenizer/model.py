"""Triton model ``tokenizer``: a query's bytes to its normal form and token ids, for any bytes.

The query encoder's answers to them are cached, and Triton caches errors like answers, so this model
gives none: bytes that are not UTF-8, nothing at all and a book are all queries. The text rendering
is the library's own, copied into the version folder:

    model.py  tokenizer.json  text.json  pintower/text/
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from tokenizers import Tokenizer

VERSION_FOLDER = Path(__file__).resolve().parent
sys.dont_write_bytecode = True  # a release's files are immutable
sys.path.insert(0, str(VERSION_FOLDER))

from pintower.text.rendering import Rendering, decode, normalize_query  # noqa: E402


class TritonPythonModel:
    """One instance of the tokenizer."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the tokenizer and the rendering that lie beside this file."""
        self._rendering = Rendering.load(VERSION_FOLDER / "text.json")
        self._tokenizer = Tokenizer.from_file(str(VERSION_FOLDER / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._rendering.query_max_tokens)
        self._tokenizer.encode_special_tokens = True  # "[SEP]" in a query is text

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request.

        QUERY BYTES [B, 1] to INPUT_IDS and ATTENTION_MASK INT64 [B, L] and TEXT BYTES [B, 1]. L is
        the length of the request's longest query, so one query is never padded and its ids depend
        on nothing but itself.
        """
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        queries = pb_utils.get_input_tensor_by_name(request, "QUERY").as_numpy().reshape(-1)
        texts = [normalize_query(decode(query), self._rendering) for query in queries]
        prefix = self._rendering.query_prefix
        encodings = self._tokenizer.encode_batch_fast([prefix + text for text in texts])
        lengths = np.array([len(encoding) for encoding in encodings], dtype=np.int64)
        # A tokenizer without special tokens makes nothing of an empty query; one masked place
        # keeps the encoder's input from being empty.
        ids = np.zeros((len(texts), max(lengths, default=1) or 1), dtype=np.int64)
        for row, encoding in zip(ids, encodings, strict=True):
            row[: len(encoding)] = encoding.ids
        mask = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)
        told = np.array([text.encode() for text in texts], dtype=np.object_).reshape(-1, 1)
        outputs = {"INPUT_IDS": ids, "ATTENTION_MASK": mask, "TEXT": told}
        wanted = request.requested_output_names()
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, array) for name, array in outputs.items() if name in wanted]
        )
