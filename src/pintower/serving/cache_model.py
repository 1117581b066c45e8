"""Triton's local response cache, without the server: what it holds, what it drops, what it answers.

One least-recently-used list for all models, bounded by bytes. An entry is a response as Triton's
core packs it (``cache_entry.cc``: a count; for each output its size, name, data type, shape, data),
in a block of Boost's best-fit allocator.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from pintower.contracts import DType, Tensor

__all__ = ["CacheReplay", "CachedStep", "Lru", "entry_bytes", "replay"]

_ITEM_BYTES: dict[DType, int] = {"BOOL": 1, "FP16": 2, "INT32": 4, "FP32": 4, "INT64": 8}
_BLOCK = 16
"""Alignment of the allocator's blocks, and the bytes each has for itself."""


@dataclass(frozen=True)
class CachedStep:
    """One look-up of a request.

    Attributes:
        model: whose answer it is.
        key: what the answer hangs on; equal keys are one entry.
        size: of the entry, bytes.
    """

    model: str
    key: Hashable
    size: int


@dataclass(frozen=True)
class CacheReplay:
    """What a cache did with a stream of requests.

    Attributes:
        size: of the cache, bytes; None for one that never drops anything.
        hits: by model.
        lookups: by model.
    """

    size: int | None
    hits: dict[str, int]
    lookups: dict[str, int]

    def hit_rate(self, model: str) -> float:
        """Return a model's hits over its look-ups."""
        return self.hits.get(model, 0) / max(1, self.lookups.get(model, 0))


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


def replay(
    requests: Iterable[Sequence[CachedStep]], sizes: Sequence[int | None]
) -> list[CacheReplay]:
    """Send requests, one at a time, through caches of several sizes side by side.

    Args:
        requests: the look-ups of each, in order.
        sizes: of the caches, bytes; None for one without a bound.
    """
    caches = [Lru(size) for size in sizes]
    hits: list[dict[str, int]] = [{} for _ in sizes]
    lookups: dict[str, int] = {}
    for steps in requests:
        for step in steps:
            lookups[step.model] = lookups.get(step.model, 0) + 1
            key = (step.model, step.key)
            for cache, counted in zip(caches, hits, strict=True):
                if cache.ask(key, step.size):
                    counted[step.model] = counted.get(step.model, 0) + 1
    return [CacheReplay(size, counted, lookups) for size, counted in zip(sizes, hits, strict=True)]
