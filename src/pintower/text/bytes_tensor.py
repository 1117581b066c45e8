"""BYTES tensors as they lie in memory: for each item four bytes of length, then the item."""

import struct

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_bytes_tensor"]

_LENGTH = struct.Struct("<I")


def read_bytes_tensor(
    buffer: NDArray[np.uint8],
) -> NDArray[np.bytes_] | NDArray[np.object_]:
    """Return the items of a tensor that is laid out as Triton does.

    Items of one length, as ids mostly are, are read together; others one by one.

    Args:
        buffer: UINT8, the whole tensor.

    Returns:
        S [N] where all items have one length and none ends with a NUL, which numpy would drop; else
        object [N] of bytes.

    Raises:
        ValueError: if the buffer ends inside an item.
    """
    if len(buffer) > _LENGTH.size:
        head = buffer[: _LENGTH.size]
        width = _LENGTH.unpack_from(buffer.data)[0]
        size = _LENGTH.size + width
        if width and not len(buffer) % size:
            items = buffer.reshape(-1, size)
            if (items[:, : _LENGTH.size] == head).all() and items[:, -1].all():
                return np.ascontiguousarray(items[:, _LENGTH.size :]).view(f"S{width}").reshape(-1)
    return _one_by_one(buffer.tobytes())


def _one_by_one(data: bytes) -> NDArray[np.object_]:
    found, begin = [], 0
    while begin < len(data):
        first = begin + _LENGTH.size
        begin = first + (_LENGTH.unpack_from(data, begin)[0] if first <= len(data) else 0)
        if begin > len(data):
            raise ValueError("a BYTES tensor ends inside an item")
        found.append(data[first:begin])
    items = np.empty(len(found), dtype=np.object_)
    items[:] = found
    return items
