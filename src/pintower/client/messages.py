"""What goes to a release's ensembles and what comes back, the same for both clients."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from numpy.typing import ArrayLike, NDArray
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.utils import InferenceServerException

from pintower.errors import InputError, PintowerError, RepositoryError, SetupError
from pintower.models.scores import Scores

__all__ = [
    "EMBEDDING",
    "SCORES",
    "RestrictedError",
    "can_retry",
    "explain",
    "no_scores",
    "query_inputs",
    "rank_inputs",
    "read_outputs",
    "read_parameters",
]

SCORES = ("PROBABILITIES", "SCORE", "VALID")
EMBEDDING = ("EMBEDDING",)

_LEVELS = 5
_RESTRICTED = "protocol is restricted"


class RestrictedError(PintowerError):
    """The server keeps that part of its API to itself."""


def rank_inputs(
    query: str, pin_ids: Sequence[str], features: ArrayLike | None
) -> list[triton.InferInput]:
    """Return the inputs of ``relevance``.

    Raises:
        InputError: if the pin ids are one text, or something is no text.
    """
    if isinstance(pin_ids, str | bytes):
        raise InputError(f"pin_ids takes a list of ids; given was {pin_ids!r} alone.")
    return [*query_inputs(query, features), _text("PIN_IDS", pin_ids, (len(pin_ids),))]


def query_inputs(query: str, features: ArrayLike | None) -> list[triton.InferInput]:
    """Return the inputs of ``query_embedding``."""
    inputs = [_text("QUERY", [query], (1, 1))]
    if features is not None:
        try:
            row = np.asarray(features, dtype=np.float32).reshape(1, -1)
        except (TypeError, ValueError):
            raise InputError(
                f"features takes numbers, all of a query's vectors end to end; given was "
                f"{features!r}."
            ) from None
        tensor = triton.InferInput("QUERY_FEATURES", row.shape, "FP32")
        tensor.set_data_from_numpy(row)
        inputs.append(tensor)
    return inputs


def no_scores() -> Scores:
    """Return the answer for no pins."""
    return Scores(
        np.empty((0, _LEVELS), np.float32), np.empty(0, np.float32), np.empty(0, np.bool_)
    )


def read_outputs(
    result: triton.InferResult, model: str, names: Sequence[str]
) -> list[NDArray[Any]]:
    """Return an answer's tensors.

    Raises:
        PintowerError: if one is missing: Triton answers a request whose error it has cached with
            nothing, and calls it a success.
    """
    arrays = [result.as_numpy(name) for name in names]
    if missing := [name for name, array in zip(names, arrays, strict=True) if array is None]:
        raise PintowerError(
            f"'{model}' answered without {', '.join(missing)}: the server has an earlier error of "
            "this request in its cache. Look at its log, and start it anew."
        )
    return arrays


def read_parameters(config: ModelConfig) -> dict[str, str]:
    """Return a model's parameters as its configuration states them."""
    return {key: value.string_value for key, value in config.parameters.items()}


def can_retry(error: InferenceServerException) -> bool:
    """Return whether a request never reached a model, so that sending it again is safe.

    An error that a model answered with may be in the cache; the same request would then be called a
    success. A deadline leaves open whether it was.
    """
    if str(error.status()) != "StatusCode.UNAVAILABLE" or _RESTRICTED in str(error.message()):
        return False
    return not _names_model(error)


def explain(error: InferenceServerException, model: str, url: str, timeout: float) -> PintowerError:
    """Return the error a user can act on."""
    status, reason = str(error.status()), str(error.message())
    if _RESTRICTED in reason:
        return RestrictedError(
            f"The Triton server at {url} does not let strangers ask this of '{model}': {reason}."
        )
    if can_retry(error):
        return SetupError(
            f"No Triton server answers gRPC at {url}; start one with `pintower serve ...`. Its "
            "gRPC port is 8001 if nothing else is said, 8000 is HTTP."
        )
    if status == "StatusCode.DEADLINE_EXCEEDED":
        return PintowerError(
            f"The Triton server at {url} did not answer '{model}' within {timeout:g} s. Give it "
            "more time, or look at its log."
        )
    if status in ("StatusCode.NOT_FOUND", "StatusCode.UNAVAILABLE"):
        return RepositoryError(
            f"The Triton server at {url} does not serve '{model}': {reason}. Is it serving a "
            "repository that pintower built?"
        )
    return PintowerError(f"'{model}' at {url} answered with an error: {reason}")


def _names_model(error: InferenceServerException) -> bool:
    """Return whether the server itself answered, of a model that is not ready."""
    return "Request for" in str(error.message())


def _text(name: str, texts: Sequence[str], shape: tuple[int, ...]) -> triton.InferInput:
    """Return a BYTES input; lone surrogates become "?", which UTF-8 could not carry."""
    tensor = triton.InferInput(name, shape, "BYTES")
    try:
        encoded = [text.encode("utf-8", errors="replace") for text in texts]
    except AttributeError:
        other = next(text for text in texts if not isinstance(text, str))
        raise InputError(
            f"{name} takes text; given was {other!r} ({type(other).__name__})."
        ) from None
    tensor.set_data_from_numpy(np.array(encoded, dtype=np.object_).reshape(shape))
    return tensor
