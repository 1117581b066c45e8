"""What every step answers before the server calls itself ready: real queries of every length.

The first request of a shape makes ONNX Runtime plan its memory, and the first of all makes Python
import and pages map. Triton can send requests of its own before a model is ready, past the response
cache and past the ensembles; each step has to be given its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.utils import serialize_byte_tensor

from pintower.repository.offline import OfflineRelease
from pintower.repository.wire import texts
from pintower.text.rendering import normalize_query

__all__ = ["WARMUP_FOLDER", "Warmup", "make_warmups", "write_warmups"]

WARMUP_FOLDER = "warmup"
"""Where Triton looks for warm-up data, beside a model's versions."""

_CANDIDATES = (1, 100, 1_000)
_BATCHES = (2, 4, 8)
"""Queries at once, where a client or the dynamic batcher may bring several."""


@dataclass(frozen=True)
class Warmup:
    """A request that a model answers before it is ready.

    Attributes:
        name: says what it is; also the stem of its files.
        requests: equal ones sent together.
        tensors: each input by name, without the batch axis where the model has one.
    """

    name: str
    requests: int
    tensors: Mapping[str, NDArray[Any]]


def make_warmups(
    offline: OfflineRelease, queries: Sequence[str], *, batched: bool
) -> dict[str, list[Warmup]]:
    """Return each step's warm-up requests.

    Args:
        offline: the release.
        queries: real ones; at least one. The first of each length in tokens is taken, and for the
            greatest length several together.
        batched: whether the query encoder may get several at once.
    """
    raw = [query.encode("utf-8", "replace") for query in queries]
    lengths: dict[int, bytes] = {}
    for query in [*raw, b" ".join(raw)]:
        lengths.setdefault(len(offline.token_ids(query)), query)
    chosen = dict(sorted(lengths.items()))
    query = raw[0]
    told = normalize_query(queries[0], offline.rendering).encode()
    pins = [
        [bytes(pin_id) for pin_id in offline.snapshot.ids[:count]]
        for count in sorted({min(count, len(offline.snapshot.ids)) for count in _CANDIDATES})
    ]
    return {
        "tokenizer": [
            Warmup(f"tokens-{length}", 1, {"QUERY": texts(text)}) for length, text in chosen.items()
        ],
        "query_encoder": [
            Warmup(f"tokens-{length}", count, offline.encoder_inputs(text))
            for length, text in chosen.items()
            for count in (1, *(_BATCHES if batched else ()))
        ],
        "pin_features": [
            Warmup(
                f"pins-{len(pin_ids)}",
                1,
                {"TEXT": texts(told, shape=(1, 1)), "PIN_IDS": texts(*pin_ids)},
            )
            for pin_ids in pins
        ],
        "scorer": [
            Warmup(f"pins-{len(pin_ids)}", 1, _scored(offline, query, pin_ids)) for pin_ids in pins
        ],
        "embedding_to_cpu": [Warmup("query", 1, {"EMBEDDING_ON_GPU": offline.embed(query)[0]})],
    }


def write_warmups(config: ModelConfig, warmups: Sequence[Warmup], folder: Path) -> None:
    """Add warm-up requests to a model's configuration and write their data.

    Args:
        config: of the model; changed.
        warmups: of the model.
        folder: the model's; data go to ``warmup/``.
    """
    place = folder / WARMUP_FOLDER
    place.mkdir()
    types = {tensor.name: tensor.data_type for tensor in config.input}
    for warmup in warmups:
        entry = config.model_warmup.add(name=warmup.name, batch_size=warmup.requests)
        if warmup.requests > 1:
            entry.name = f"{warmup.name}-batch-{warmup.requests}"
        for name, array in warmup.tensors.items():
            file = f"{warmup.name}.{name}"
            (place / file).write_bytes(_raw(array))
            given = entry.inputs[name]
            given.data_type = types[name]
            given.dims.extend(array.shape)
            given.input_data_file = file


def _scored(
    offline: OfflineRelease, query: bytes, pin_ids: Sequence[bytes]
) -> dict[str, NDArray[Any]]:
    embeddings, matches = offline.features(query, pin_ids)
    return {
        "QUERY_EMBEDDING": offline.embed(query),
        "PIN_EMBEDDINGS": embeddings,
        "MATCH_FEATURES": matches,
    }


def _raw(array: NDArray[Any]) -> bytes:
    """Return a tensor as Triton takes it: a text is its length in four bytes, then itself."""
    if array.dtype == np.object_:
        return bytes(serialize_byte_tensor(array).item())
    return array.tobytes()
