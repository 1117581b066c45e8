"""The ensemble's steps called from a python model (business logic scripting)."""

import asyncio
import json

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One instance."""

    def initialize(self, args):
        """Read which version of the steps to call."""
        parameters = json.loads(args["model_config"])["parameters"]
        self.version = int(parameters["steps_version"]["string_value"])
        self.encoder = parameters["encoder"]["string_value"]

    async def execute(self, requests):
        """Answer each request."""
        return await asyncio.gather(*(self.answer(request) for request in requests))

    async def answer(self, request):
        """Tokenize; encode and look up; score."""
        query = pb_utils.get_input_tensor_by_name(request, "QUERY")
        pin_ids = pb_utils.get_input_tensor_by_name(request, "PIN_IDS")
        told = await self.call("tokenizer", [query], ["INPUT_IDS", "TEXT"])
        encoded, looked_up = await asyncio.gather(
            self.call(self.encoder, [told["INPUT_IDS"]], ["EMBEDDING"]),
            self.call(
                "pin_features", [told["TEXT"], pin_ids], ["PIN_EMBEDDINGS", "MATCH_FEATURES"]
            ),
        )
        embedding = pb_utils.Tensor("QUERY_EMBEDDING", encoded["EMBEDDING"].as_numpy())
        inputs = [embedding, looked_up["PIN_EMBEDDINGS"], looked_up["MATCH_FEATURES"]]
        scored = await self.call("scorer", inputs, ["PROBABILITIES", "SCORE", "VALID"])
        return pb_utils.InferenceResponse(list(scored.values()))

    async def call(self, model, inputs, outputs):
        """Return a step's outputs by name."""
        response = await pb_utils.InferenceRequest(
            model_name=model,
            model_version=self.version,
            inputs=inputs,
            requested_output_names=outputs,
        ).async_exec()
        if response.has_error():
            raise pb_utils.TritonModelException(response.error().message())
        return {name: pb_utils.get_output_tensor_by_name(response, name) for name in outputs}
