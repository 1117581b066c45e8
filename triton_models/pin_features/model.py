"""Triton model ``pin_features``: pin ids to embeddings and match features, from the snapshot.

The snapshot is memory-mapped, so instances share it. An id that it does not hold gives rows of NaN,
which the scorer answers with VALID = false; no request is answered with an error. The library's own
text package and snapshot reader are copied into the version folder:

    model.py  snapshot/  pintower/text/  pintower/snapshot/
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

VERSION_FOLDER = Path(__file__).parent  # by the server's path, which it can read
sys.dont_write_bytecode = True  # a release's files are immutable
sys.path.insert(0, str(VERSION_FOLDER))

from pintower.snapshot import Snapshot  # noqa: E402
from pintower.text.bytes_tensor import read_bytes_tensor  # noqa: E402
from pintower.text.rendering import decode  # noqa: E402

# Triton reads BYTES tensors with this function of its module, item by item in Python, and looks it
# up once this file is loaded. A release that looked elsewhere would be slower and answer the same.
pb_utils.deserialize_bytes_tensor = read_bytes_tensor


class TritonPythonModel:
    """One instance of the lookup."""

    def initialize(self, args: dict[str, str]) -> None:
        """Map the snapshot and hold it to the configuration.

        Raises:
            TritonModelException: if the snapshot was made by another pin encoder than the
                release's, is not as it was published, or has another width than is configured.
        """
        config = json.loads(args["model_config"])
        try:
            self._snapshot = Snapshot.open(VERSION_FOLDER / "snapshot")
        except (OSError, ValueError, KeyError) as error:
            raise pb_utils.TritonModelException(f"pin_features: {error}") from error
        wanted = config["parameters"]["space_id"]["string_value"]
        found = self._snapshot.info["space_id"]
        if found != wanted:
            raise pb_utils.TritonModelException(
                f"pin_features: the release's query encoder has space id {wanted}, the pin "
                f"snapshot has space id {found}; their embeddings cannot be compared. Build the "
                "repository with a snapshot made by the same student's pin encoder."
            )
        try:
            self._snapshot.verify()
        except (OSError, ValueError, KeyError) as error:
            raise pb_utils.TritonModelException(f"pin_features: {error}") from error
        dims = {entry["name"]: [int(dim) for dim in entry["dims"]] for entry in config["output"]}
        width = self._snapshot.width
        if dims["PIN_EMBEDDINGS"] != [-1, width]:
            raise pb_utils.TritonModelException(
                f"pin_features: PIN_EMBEDDINGS is configured as {dims['PIN_EMBEDDINGS']}, the "
                f"snapshot's embeddings make [-1, {width}]."
            )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request.

        TEXT BYTES [1, 1], a query's normal form, and PIN_IDS BYTES [N] to PIN_EMBEDDINGS FP32
        [N, D] and MATCH_FEATURES FP32 [N, F].
        """
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        text = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy().reshape(-1)[0]
        pin_ids = pb_utils.get_input_tensor_by_name(request, "PIN_IDS").as_numpy()
        embeddings, matches = self._snapshot.features(decode(text), pin_ids)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("PIN_EMBEDDINGS", embeddings),
                pb_utils.Tensor("MATCH_FEATURES", matches),
            ]
        )
