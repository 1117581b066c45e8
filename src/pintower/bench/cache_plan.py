"""How large the response cache has to be: a log, or a trace of keys, through every size of it."""

import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pintower.artifacts import read_json
from pintower.contracts import Contract
from pintower.errors import InputError
from pintower.models.layout import read_rendering
from pintower.models.tokenization import open_tokenizer
from pintower.serving.cache_model import entry_bytes, replay
from pintower.text.rendering import render_query

__all__ = ["CachePlan", "plan_cache", "trace_queries"]

_ENCODER = "query_encoder"
_SMALLEST = 1 << 16
_WITHIN = 0.01


@dataclass(frozen=True)
class CachePlan:
    """Hit rates of caches of several sizes.

    Attributes:
        requests: replayed.
        distinct: queries among them.
        bytes_a_query: mean size of a query's entry.
        limit: the query encoder's hit rate in a cache that never drops anything.
        sizes: of the caches, bytes, ascending.
        hit_rates: the query encoder's, one for each size.
        enough: smallest of the sizes within a point of the limit.
        wanted: the hit rate that was asked for.
        wanted_size: smallest of the sizes that reaches it; None where even the limit is below.
    """

    requests: int
    distinct: int
    bytes_a_query: float
    limit: float
    sizes: tuple[int, ...]
    hit_rates: tuple[float, ...]
    enough: int
    wanted: float
    wanted_size: int | None


def trace_queries(path: Path, words: Sequence[str], requests: int | None = None) -> list[str]:
    """Return a trace of keys as queries: each key a text of its own, the same every time.

    Args:
        path: 64-bit big-endian keys, ``.xz`` or as they are.
        words: queries of a log; they lend the texts their lengths.
        requests: from the trace's start; None takes all.

    Raises:
        InputError: if the file is not such a trace.
    """
    count = -1 if requests is None else 8 * requests
    try:
        if path.suffix == ".xz":
            with lzma.open(path) as file:
                raw = file.read(count)
        else:
            with path.open("rb") as file:
                raw = file.read(count)
    except (OSError, lzma.LZMAError) as error:
        raise InputError(f"The trace {path} cannot be read: {error}.") from error
    if not raw or len(raw) % 8:
        raise InputError(
            f"The trace {path} holds {len(raw)} bytes; wanted are 64-bit big-endian keys."
        )
    distinct, place = np.unique(np.frombuffer(raw, dtype=">i8"), return_inverse=True)
    texts = [f"{words[row % len(words)]} {row}" for row in range(len(distinct))]
    return [texts[row] for row in place]


def plan_cache(
    queries: Sequence[str],
    repository: Path,
    *,
    wanted: float = 0.85,
    sizes: Sequence[int] | None = None,
) -> CachePlan:
    """Replay queries, one at a time, through caches of every size.

    Args:
        queries: in arrival order.
        repository: the model repository; its contract, tokenizer and rendering are read.
        wanted: a hit rate of the query encoder to find a size for.
        sizes: of the caches, bytes, ascending; None doubles until everything fits.
    """
    contract = Contract.load(repository / "contract.json")
    entries = _entries(queries, repository, contract)
    total = sum(dict(entries.values()).values())
    chosen = tuple(sizes) if sizes is not None else tuple(_doubling(total))
    hits = replay((entries[query] for query in queries), [*chosen, None])
    *rates, limit = (found / len(queries) for found in hits)
    return CachePlan(
        requests=len(queries),
        distinct=len(entries),
        bytes_a_query=total / len(dict(entries.values())),
        limit=limit,
        sizes=chosen,
        hit_rates=tuple(rates),
        enough=_first(chosen, rates, limit - _WITHIN) or chosen[-1],
        wanted=wanted,
        wanted_size=_first(chosen, rates, wanted),
    )


def _entries(
    queries: Sequence[str], repository: Path, contract: Contract
) -> dict[str, tuple[tuple[int, ...], int]]:
    """Return each distinct query's key and bytes: queries of the same token ids share an entry."""
    version = read_json(repository / "release.json")["models"]["tokenizer"]
    folder = repository / "tokenizer" / str(version)
    rendering = read_rendering(folder / "text.json")
    tokenizer = open_tokenizer(folder / "tokenizer.json", rendering.query_max_tokens)
    size = entry_bytes(contract.graphs[_ENCODER].outputs, {"batch": 1})
    distinct = list(dict.fromkeys(queries))
    rendered = [render_query(query, rendering) for query in distinct]
    encodings = tokenizer.encode_batch_fast(rendered)
    return {
        query: (tuple(encoding.ids), size)
        for query, encoding in zip(distinct, encodings, strict=True)
    }


def _doubling(total: int) -> Iterator[int]:
    size = _SMALLEST
    while size < total:
        yield size
        size *= 2
    yield size


def _first(sizes: Sequence[int], rates: Sequence[float], least: float) -> int | None:
    return next((size for size, rate in zip(sizes, rates, strict=True) if rate >= least), None)
