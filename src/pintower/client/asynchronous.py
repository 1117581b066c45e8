"""The client for programs that run an event loop."""

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
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
from pintower.client.sync import FIRST_PAUSE
from pintower.models.scores import Scores

__all__ = ["AsyncClient"]


class AsyncClient:
    """A connection to a Triton server that serves a release; an asynchronous context manager.

    The methods are those of :class:`pintower.client.Client`, and raise the same errors.
    """

    def __init__(self, url: str, *, timeout: float = 10.0, retries: int = 2) -> None:
        """Prepare a connection, inside a running event loop; nothing is sent yet.

        Args:
            url: ``host:port`` of the server's gRPC API, without a scheme.
            timeout: seconds a request may take.
            retries: how often a request is sent again that found no server.
        """
        self.url = url
        self._timeout = timeout
        self._retries = retries
        self._client = triton_aio.InferenceServerClient(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def ready(self) -> bool:
        """Return whether the server is there, ready, and serves a release."""
        try:
            return bool(
                await self._client.is_server_ready(client_timeout=self._timeout)
                and await self._client.is_model_ready("relevance", client_timeout=self._timeout)
            )
        except InferenceServerException:
            return False

    async def release(self) -> dict[str, str]:
        """Return what is served; see :meth:`pintower.client.Client.release`."""
        try:
            answer = await self._client.get_model_config("relevance", client_timeout=self._timeout)
        except InferenceServerException as error:
            raise explain(error, "relevance", self.url, self._timeout) from None
        return read_parameters(answer.config)

    async def rank(
        self, query: str, pin_ids: Sequence[str], features: ArrayLike | None = None
    ) -> Scores:
        """Score N pins for a query; see :meth:`pintower.client.Client.rank`."""
        if not pin_ids:
            return no_scores()
        return Scores(
            *await self._infer("relevance", rank_inputs(query, pin_ids, features), SCORES)
        )

    async def rank_many(
        self,
        requests: Iterable[tuple[str, Sequence[str]] | tuple[str, Sequence[str], ArrayLike]],
        *,
        concurrency: int = 8,
    ) -> list[Scores]:
        """Score pins for many queries, some requests at once; the answers come in their order."""
        places = asyncio.Semaphore(concurrency)

        async def one(
            query: str, pin_ids: Sequence[str], features: ArrayLike | None = None
        ) -> Scores:
            async with places:
                return await self.rank(query, pin_ids, features)

        return await asyncio.gather(*(one(*request) for request in requests))

    async def embed(self, query: str, features: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return a query's embedding FP32 [D]; see :meth:`pintower.client.Client.embed`."""
        (embedding,) = await self._infer(
            "query_embedding", query_inputs(query, features), EMBEDDING
        )
        return embedding.reshape(-1)

    async def embed_many(
        self, queries: Sequence[str], *, concurrency: int = 8
    ) -> NDArray[np.float32]:
        """Return the embeddings FP32 [N, D] of N queries, at least one, some requests at once."""
        places = asyncio.Semaphore(concurrency)

        async def one(query: str) -> NDArray[np.float32]:
            async with places:
                return await self.embed(query)

        return np.stack(await asyncio.gather(*(one(query) for query in queries)))

    async def _infer(
        self, model: str, inputs: list[triton.InferInput], names: Sequence[str]
    ) -> list[NDArray[Any]]:
        outputs = [triton.InferRequestedOutput(name) for name in names]
        attempt = 0
        while True:
            try:
                result = await self._client.infer(
                    model, inputs, outputs=outputs, client_timeout=self._timeout
                )
                return read_outputs(result, model, names)
            except InferenceServerException as error:
                if attempt == self._retries or not can_retry(error):
                    raise explain(error, model, self.url, self._timeout) from None
            await asyncio.sleep(FIRST_PAUSE * 2**attempt)
            attempt += 1
