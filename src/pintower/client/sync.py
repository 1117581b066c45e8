"""The client for programs that wait."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import numpy as np
import tritonclient.grpc as triton
from numpy.typing import ArrayLike, NDArray
from tritonclient.utils import InferenceServerException

from pintower.client.messages import (
    EMBEDDING,
    SCORES,
    can_retry,
    explain,
    no_scores,
    query_inputs,
    rank_inputs,
    read_outputs,
    read_parameters,
)
from pintower.models.scores import Scores

__all__ = ["Client"]

FIRST_PAUSE = 0.05
"""Seconds before a request is sent again; each further time twice as long."""


class Client:
    """A connection to a Triton server that serves a release; a context manager.

    Its methods may be called from several threads.
    """

    def __init__(self, url: str, *, timeout: float = 10.0, retries: int = 2) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            url: ``host:port`` of the server's gRPC API, without a scheme.
            timeout: seconds a request may take.
            retries: how often a request is sent again that found no server. One that a model
                answered with an error, or not in time, is never sent again.
        """
        self.url = url
        self._timeout = timeout
        self._retries = retries
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

    def ready(self) -> bool:
        """Return whether the server is there, ready, and serves a release."""
        try:
            return bool(
                self._client.is_server_ready(client_timeout=self._timeout)
                and self._client.is_model_ready("relevance", client_timeout=self._timeout)
            )
        except InferenceServerException:
            return False

    def release(self) -> dict[str, str]:
        """Return what the served release consists of, as the server says it.

        Returns:
            ``space_id``, the artifact ids of ``query_encoder`` and ``scorer``, ``snapshot`` and
            ``text_package``, as in ``release.json``; less for a release of an earlier pintower.

        Raises:
            SetupError: if no server answers at the client's url.
            RepositoryError: if the server has no ensemble ``relevance``.
            RestrictedError: if the server keeps models' configurations to itself.
        """
        try:
            answer = self._client.get_model_config("relevance", client_timeout=self._timeout)
        except InferenceServerException as error:
            raise explain(error, "relevance", self.url, self._timeout) from None
        return read_parameters(answer.config)

    def rank(self, query: str, pin_ids: Sequence[str], features: ArrayLike | None = None) -> Scores:
        """Score pins for a query with the ensemble ``relevance``.

        Args:
            query: the query as the user typed it; the release normalizes it.
            pin_ids: N candidates.
            features: the query's feature vectors end to end, for a release whose query encoder
                takes them.

        Returns:
            Probabilities FP32 [N, 5], scores FP32 [N] and validity BOOL [N], in the pins' order.

        Raises:
            SetupError: if no server answers at the client's url.
            RepositoryError: if the server has no such model.
            PintowerError: if the server answers with an error, or not in time.
        """
        if not pin_ids:
            return no_scores()
        return Scores(*self._infer("relevance", rank_inputs(query, pin_ids, features), SCORES))

    def rank_many(
        self,
        requests: Iterable[tuple[str, Sequence[str]] | tuple[str, Sequence[str], ArrayLike]],
        *,
        concurrency: int = 8,
    ) -> list[Scores]:
        """Score pins for many queries, some requests at once; the answers come in their order.

        Args:
            requests: a query and its candidates each, and its feature vectors if there are any.
            concurrency: requests in flight.

        Raises:
            PintowerError: as :meth:`rank`, for the first request that fails.
        """
        with ThreadPoolExecutor(concurrency) as pool:
            return list(pool.map(lambda request: self.rank(*request), requests))

    def embed(self, query: str, features: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return a query's embedding FP32 [D] from the ensemble ``query_embedding``.

        Raises:
            SetupError: if no server answers at the client's url.
            RepositoryError: if the server has no such model.
            PintowerError: if the server answers with an error, or not in time.
        """
        (embedding,) = self._infer("query_embedding", query_inputs(query, features), EMBEDDING)
        return embedding.reshape(-1)

    def embed_many(self, queries: Sequence[str], *, concurrency: int = 8) -> NDArray[np.float32]:
        """Return the embeddings FP32 [N, D] of N queries, at least one, some requests at once.

        Raises:
            PintowerError: as :meth:`embed`, for the first request that fails.
        """
        with ThreadPoolExecutor(concurrency) as pool:
            return np.stack(list(pool.map(self.embed, queries)))

    def _infer(
        self, model: str, inputs: list[triton.InferInput], names: Sequence[str]
    ) -> list[NDArray[Any]]:
        outputs = [triton.InferRequestedOutput(name) for name in names]
        attempt = 0
        while True:
            try:
                result = self._client.infer(
                    model, inputs, outputs=outputs, client_timeout=self._timeout
                )
                return read_outputs(result, model, names)
            except InferenceServerException as error:
                if attempt == self._retries or not can_retry(error):
                    raise explain(error, model, self.url, self._timeout) from None
            time.sleep(FIRST_PAUSE * 2**attempt)
            attempt += 1
