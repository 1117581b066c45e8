"""Gates on what else is there: a text's embedding must not hang on its batch, run or threads."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pintower.export.embedded import Embedded
from pintower.export.flips import count_flips
from pintower.gates import Gate, gate
from pintower.models.onnx_session import GraphEncoder, open_graph
from pintower.targets import Limits

__all__ = ["batch_gates", "repetition_gates"]

_BATCH = 8
_REPEATED = 50
_TOP = 8


def batch_gates(embedded: Embedded, limits: Limits, *, batched: bool) -> list[Gate]:
    """Embed texts in batches of mixed lengths.

    What a difference means is told by cosines with the other side's embeddings: by how much one
    moves, and how many pairs in a text's top 8 of them change places.

    Args:
        embedded: the texts.
        limits: of the target.
        batched: whether a server may batch; else the figures are told, not limited.
    """
    built, alone, others = embedded.built, embedded.alone, embedded.others
    mixed = _in_mixed_batches(embedded)
    change, flips, pairs = _moved(alone, mixed, others)
    detail = {"texts": len(alone), "batch": _BATCH, "cosines_with": len(others)}
    return [
        gate(
            f"{built.name}.batch_sensitivity",
            change,
            limits.batch_max_change if batched else None,
            detail={**detail, "max_abs": float(np.abs(alone - mixed).max())},
        ),
        gate(
            f"{built.name}.batch_flips",
            flips / max(1, pairs),
            limits.batch_max_flips if batched else None,
            detail={**detail, "flips": flips, "pairs": pairs},
        ),
    ]


def repetition_gates(embedded: Embedded, path: Path, limits: Limits) -> list[Gate]:
    """Embed some of the texts again alone, and on two threads.

    Args:
        embedded: the texts.
        path: of the graph's file.
        limits: of the target.
    """
    built, encoder, alone = embedded.built, embedded.encoder, embedded.alone
    texts, vectors = embedded.texts, embedded.vectors
    few = slice(None, None, max(1, len(texts) // _REPEATED))
    some = [*texts[few]]
    extra = None if vectors is None else vectors[few]
    again = float(np.abs(encoder.embed(some, extra) - alone[few]).max())
    two = GraphEncoder(open_graph(path, built, threads=2), encoder.tokenizer)
    threads, _, _ = _moved(alone[few], two.embed(some, extra), embedded.others)
    return [
        gate(f"{built.name}.repeat_max_abs", again, 0.0, detail={"texts": len(some)}),
        gate(
            f"{built.name}.threads_sensitivity",
            threads,
            limits.threads_max_change,
            detail={"texts": len(some), "threads": [1, 2]},
        ),
    ]


def _moved(
    left: NDArray[np.float32], right: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[float, int, int]:
    """Return the largest change of a cosine, the pairs swapped in the top 8, and all of them."""
    first, second = left @ others.T, right @ others.T
    flips = [count_flips(a, b, _TOP) for a, b in zip(first, second, strict=True)]
    swapped, pairs = np.sum(flips, axis=0)
    return float(np.abs(first - second).max()), int(swapped), int(pairs)


def _in_mixed_batches(embedded: Embedded) -> NDArray[np.float32]:
    """Return the embeddings of texts in batches of any lengths, the short ones padded."""
    encoder, texts, vectors = embedded.encoder, embedded.texts, embedded.vectors
    order = np.random.default_rng(0).permutation(len(texts))
    result = np.zeros((len(texts), encoder.width), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        extra = None if vectors is None else vectors[rows]
        result[rows] = encoder.embed([texts[row] for row in rows], extra, batch_tokens=1 << 40)
    return result
