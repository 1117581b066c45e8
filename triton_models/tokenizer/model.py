"""Triton model ``tokenizer``: a query's bytes to its normal form and token ids, for any bytes.

The query encoder's answers to them are cached, and Triton caches errors like answers, so this model
gives none: bytes that are not UTF-8, nothing at all and a book are all queries. The text rendering
is the library's own, copied into the version folder:

    model.py  tokenizer.json  text.json  query_encoder.json  pintower/text/
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from tokenizers import Tokenizer

VERSION_FOLDER = Path(__file__).parent  # by the server's path, which it can read
sys.dont_write_bytecode = True  # a release's files are immutable
sys.path.insert(0, str(VERSION_FOLDER))

from pintower.text.rendering import Rendering, decode, normalize_query  # noqa: E402
from pintower.text.token_ids import id_rows, padding_of  # noqa: E402


class TritonPythonModel:
    """One instance of the tokenizer."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the tokenizer, the rendering and whom the ids are for, from beside this file."""
        self._rendering = Rendering.load(VERSION_FOLDER / "text.json")
        encoder = json.loads((VERSION_FOLDER / "query_encoder.json").read_text("utf-8"))
        self._padding = padding_of(encoder["artifact_id"])
        self._tokenizer = Tokenizer.from_file(str(VERSION_FOLDER / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(
            self._rendering.query_max_tokens, direction=self._tokenizer.truncation["direction"]
        )
        self._tokenizer.encode_special_tokens = True  # "[SEP]" in a query is text

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request.

        QUERY BYTES [B, 1] to INPUT_IDS INT64 [B, T] and TEXT BYTES [B, 1]. T is one more than the
        longest query has tokens, whatever the request, so a query's ids depend on nothing else.
        """
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        queries = pb_utils.get_input_tensor_by_name(request, "QUERY").as_numpy().reshape(-1)
        texts = [normalize_query(decode(query), self._rendering) for query in queries]
        prefix = self._rendering.query_prefix
        encodings = self._tokenizer.encode_batch_fast([prefix + text for text in texts])
        width = self._rendering.query_max_tokens + 1
        ids = id_rows([encoding.ids for encoding in encodings], width, self._padding)
        tensors, wanted = [], request.requested_output_names()
        if "INPUT_IDS" in wanted:
            tensors.append(pb_utils.Tensor("INPUT_IDS", ids))
        if "TEXT" in wanted:
            told = np.array([text.encode() for text in texts], dtype=np.object_).reshape(-1, 1)
            tensors.append(pb_utils.Tensor("TEXT", told))
        return pb_utils.InferenceResponse(tensors)
