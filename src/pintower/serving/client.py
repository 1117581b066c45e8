"""Asks a served release for scores and embeddings, over gRPC."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from pintower.errors import PintowerError, RepositoryError, SetupError
from pintower.models.scores import Scores

__all__ = ["RelevanceClient"]

LEVELS = 5


class RelevanceClient:
    """A connection to a Triton server that serves a release; a context manager."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            url: ``host:port`` of the server's gRPC API, without a scheme.
            timeout: seconds a request may take.
        """
        self.url = url
        self._timeout = timeout
        self._client = triton.InferenceServerClient(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def rank(self, query: str, pin_ids: Sequence[str]) -> Scores:
        """Score pins for a query with the ensemble ``relevance``.

        Args:
            query: the query as the user typed it; the release normalizes it.
            pin_ids: the candidates.

        Raises:
            SetupError: if no server answers at the client's url.
            RepositoryError: if the server has no such model.
            PintowerError: if the server answers with an error, or not in time.
        """
        if not pin_ids:
            return Scores(
                np.empty((0, LEVELS), np.float32), np.empty(0, np.float32), np.empty(0, np.bool_)
            )
        inputs = [_text("QUERY", [query], (1, 1)), _text("PIN_IDS", pin_ids, (len(pin_ids),))]
        answer = self._infer("relevance", inputs, ("PROBABILITIES", "SCORE", "VALID"))
        return Scores(*answer)

    def embed(self, query: str) -> npt.NDArray[np.float32]:
        """Return a query's embedding, [D] float32, from the ensemble ``query_embedding``.

        Raises:
            SetupError: if no server answers at the client's url.
            RepositoryError: if the server has no such model.
            PintowerError: if the server answers with an error, or not in time.
        """
        inputs = [_text("QUERY", [query], (1, 1))]
        (embedding,) = self._infer("query_embedding", inputs, ("EMBEDDING",))
        return embedding.reshape(-1)

    def _infer(self, model: str, inputs: list[Any], names: Sequence[str]) -> list[npt.NDArray[Any]]:
        outputs = [triton.InferRequestedOutput(name) for name in names]
        try:
            result = self._client.infer(
                model, inputs, outputs=outputs, client_timeout=self._timeout
            )
        except InferenceServerException as error:
            raise self._explain(error, model) from None
        return [result.as_numpy(name) for name in names]

    def _explain(self, error: InferenceServerException, model: str) -> PintowerError:
        status, reason = str(error.status()), str(error.message())
        if status == "StatusCode.UNAVAILABLE" and "Request for" not in reason:
            return SetupError(
                f"No Triton server answers at {self.url}; start one with `pintower serve ...`."
            )
        if status == "StatusCode.DEADLINE_EXCEEDED":
            return PintowerError(
                f"The Triton server at {self.url} did not answer '{model}' within "
                f"{self._timeout:g} s. Give it more time, or look at its log."
            )
        if status in ("StatusCode.NOT_FOUND", "StatusCode.UNAVAILABLE"):
            return RepositoryError(
                f"The Triton server at {self.url} does not serve '{model}': {reason}. Is it "
                "serving a repository that pintower built?"
            )
        return PintowerError(f"'{model}' at {self.url} answered with an error: {reason}")


def _text(name: str, texts: Sequence[str], shape: tuple[int, ...]) -> Any:
    """Return a BYTES input; lone surrogates become "?", which UTF-8 could not carry."""
    tensor = triton.InferInput(name, shape, "BYTES")
    encoded = [text.encode("utf-8", errors="replace") for text in texts]
    tensor.set_data_from_numpy(np.array(encoded, dtype=np.object_).reshape(shape))
    return tensor
