"""The whole ranking in one python model, as one writes it first: torch, fp32, no cache.

Encoder and head are the student's own weights; pins are looked up and match features computed by
pintower's own code, so that the difference is in how queries are encoded and served.

    model.py  encoder/  head.pt  snapshot/  text.json  pintower/
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
        """Load everything; torch and sentence-transformers come from another environment."""
        packages = json.loads(args["model_config"])["parameters"]["packages"]["string_value"]
        sys.path.insert(0, packages)  # numpy is loaded, so it stays the one that the server needs
        global torch
        import torch
        from sentence_transformers import SentenceTransformer

        from pintower.snapshot import Snapshot
        from pintower.text.rendering import Rendering

        self.rendering = Rendering.load(FOLDER / "text.json")
        self.encoder = SentenceTransformer(str(FOLDER / "encoder"), device="cpu").eval()
        self.encoder.max_seq_length = self.rendering.query_max_tokens
        self.head = torch.jit.load(str(FOLDER / "head.pt")).eval()
        self.snapshot = Snapshot.open(FOLDER / "snapshot")

    def execute(self, requests):
        """Answer each request."""
        return [self.answer(request) for request in requests]

    def answer(self, request):
        """Encode, look up, score."""
        from pintower.text.rendering import decode, normalize_query, render_query

        raw = pb_utils.get_input_tensor_by_name(request, "QUERY").as_numpy().reshape(-1)[0]
        pin_ids = pb_utils.get_input_tensor_by_name(request, "PIN_IDS").as_numpy().tolist()
        query = decode(raw)
        embeddings, matches = self.snapshot.features(
            normalize_query(query, self.rendering), pin_ids
        )
        valid = np.isfinite(embeddings).all(axis=1)
        with torch.inference_mode():
            inputs = self.encoder.tokenize([render_query(query, self.rendering)])
            vector = self.encoder(inputs)["sentence_embedding"]
            pins = torch.from_numpy(np.nan_to_num(embeddings))
            logits = self.head(
                vector.expand(len(pins), -1), pins, torch.from_numpy(np.nan_to_num(matches))
            )
            probabilities = torch.softmax(logits, dim=1)
            score = probabilities @ torch.arange(1.0, 6.0)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("PROBABILITIES", probabilities.numpy()),
                pb_utils.Tensor("SCORE", score.numpy()),
                pb_utils.Tensor("VALID", valid),
            ]
        )
