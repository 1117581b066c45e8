"""A tokenizer step as one writes it first: transformers, padded to the longest, two tensors.

model.py  encoder/  text.json  pintower/
"""

import json
import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

FOLDER = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER))


class TritonPythonModel:
    """One instance."""

    def initialize(self, args):
        """Load the tokenizer; transformers comes from another environment."""
        packages = json.loads(args["model_config"])["parameters"]["packages"]["string_value"]
        sys.path.insert(0, packages)  # numpy is loaded, so it stays the one that the server needs
        from transformers import AutoTokenizer

        from pintower.text.rendering import Rendering

        self.tokenizer = AutoTokenizer.from_pretrained(str(FOLDER / "encoder"))
        self.rendering = Rendering.load(FOLDER / "text.json")

    def execute(self, requests):
        """Answer each request: ids, mask, and the query in its normal form."""
        from pintower.text.rendering import decode, normalize_query, render_query

        responses = []
        for request in requests:
            raw = pb_utils.get_input_tensor_by_name(request, "QUERY").as_numpy().reshape(-1)
            queries = [decode(query) for query in raw]
            encoded = self.tokenizer(
                [render_query(query, self.rendering) for query in queries],
                padding=True,
                truncation=True,
                max_length=self.rendering.query_max_tokens,
                return_tensors="np",
            )
            texts = [normalize_query(query, self.rendering).encode() for query in queries]
            responses.append(
                pb_utils.InferenceResponse(
                    [
                        pb_utils.Tensor("input_ids", encoded["input_ids"].astype(np.int64)),
                        pb_utils.Tensor(
                            "attention_mask", encoded["attention_mask"].astype(np.int64)
                        ),
                        pb_utils.Tensor("TEXT", np.array(texts, dtype=np.object_).reshape(-1, 1)),
                    ]
                )
            )
        return responses
