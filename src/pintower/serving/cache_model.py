"""Triton's local response cache, without the server: what it holds, what it drops, what it answers.

One least-recently-used list for all models, bounded by bytes. An entry is a response as Triton's
core packs it (``cache_entry.cc``: a count; for each output its size, name, data type, shape, data),
in a block of Boost's best-fit allocator.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence

from pintower.contracts import DType, Tensor

__all__ = ["Lru", "entry_bytes", "replay"]

_ITEM_BYTES: dict[DType, int] = {"BOOL": 1, "FP16": 2, "INT32": 4, "FP32": 4, "INT64": 8}
_BLOCK = 16
"""Alignment of the allocator's blocks, and the bytes each has for itself."""


class Lru:
    """Entries in the order of their last use, bounded by bytes."""

    def __init__(self, size: int | None) -> None:
        """Make an empty cache of so many bytes; None for no bound."""
        self._size = size
        self._used = 0
        self._entries: OrderedDict[Hashable, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def ask(self, key: Hashable, size: int) -> bool:
        """Return whether the key is there; insert it otherwise, the oldest making room.

        An entry that is larger than the whole cache is not inserted, and nothing makes room for it.
        """
        if key in self._entries:
            self._entries.move_to_end(key)
            return True
        if self._size is not None:
            if size > self._size:
                return False
            while self._used + size > self._size:
                _, freed = self._entries.popitem(last=False)
                self._used -= freed
        self._entries[key] = size
        self._used += size
        return False


def entry_bytes(outputs: Sequence[Tensor], sizes: dict[str, int]) -> int:
    """Return the bytes that a cached response takes.

    Args:
        outputs: of the model, fixed-size types only.
        sizes: of the axes that vary, by their names.
    """
    packed = 4
    for tensor in outputs:
        shape = [dim if isinstance(dim, int) else sizes[dim] for dim in tensor.shape]
        items = 1
        for length in shape:
            items *= length
        # Triton calls TYPE_BOOL and the numbers by the names a contract has for them.
        head = 8 + 4 + len(tensor.name) + 4 + len(tensor.dtype) + 4 + 8 * len(shape) + 8
        packed += head + items * _ITEM_BYTES[tensor.dtype]
    return -(-(packed + _BLOCK) // _BLOCK) * _BLOCK


def replay(lookups: Iterable[tuple[Hashable, int]], sizes: Sequence[int | None]) -> list[int]:
    """Send look-ups, one at a time, through caches of several sizes side by side.

    Args:
        lookups: key of each, which names the model where several are cached, and its entry's bytes.
        sizes: of the caches, bytes; None for one without a bound.

    Returns:
        The hits in each cache.
    """
    caches = [Lru(size) for size in sizes]
    hits = [0] * len(caches)
    for key, size in lookups:
        for place, cache in enumerate(caches):
            hits[place] += cache.ask(key, size)
    return hits
