"""Raw requests to a served model: any bytes and any shape, as any client might send them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
import tritonclient.grpc as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from pintower.errors import PintowerError

__all__ = ["ServedError", "Wire", "texts"]

_TIMEOUT = 60.0


class ServedError(PintowerError):
    """The server answered with an error, or not at all."""


class Wire:
    """A gRPC connection; a context manager."""

    def __init__(self, url: str) -> None:
        """Connect to ``host:port``."""
        self._client = triton.InferenceServerClient(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def infer(self, model: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return every output of a model, by name.

        Raises:
            ServedError: if the answer is an error.
        """
        tensors = []
        for name, array in inputs.items():
            tensor = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)
        try:
            result = self._client.infer(model, tensors, client_timeout=_TIMEOUT)
        except InferenceServerException as error:
            raise ServedError(f"{model}: {error.message()}") from None
        names = [output.name for output in result.get_response().outputs]
        return {name: result.as_numpy(name) for name in names}


def texts(*items: bytes, shape: tuple[int, ...] | None = None) -> NDArray[np.object_]:
    """Return a BYTES tensor of raw bytes, of the given shape (else ``[len(items)]``)."""
    array = np.empty(len(items), dtype=np.object_)
    array[:] = items
    return array if shape is None else array.reshape(shape)
