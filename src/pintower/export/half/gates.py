"""A gate on an fp16 graph: the embeddings a GPU would make of it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pintower.contracts import BuiltGraph
from pintower.export.half.rounding import write_rounded
from pintower.gates import Gate, gate
from pintower.models.onnx_session import GraphEncoder, open_graph
from pintower.targets import Limits

__all__ = ["half_gate"]

_SHOWN = 60


def half_gate(
    built: BuiltGraph,
    path: Path,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    reference: NDArray[np.float32],
    limits: Limits,
) -> Gate:
    """Measure an fp16 encoder with every tensor rounded as a GPU stores it, against torch in fp32.

    What fp16 cannot hold makes an embedding that is not finite, which no limit lets pass.

    Args:
        built: the graph.
        path: of its file.
        tokenizer: the encoder's.
        texts: N, as rendered.
        reference: their unit embeddings in torch, FP32 [N, D].
        limits: of the target.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".rounded-") as folder:
        rounded = Path(folder) / path.name
        write_rounded(path, rounded)
        embeddings = GraphEncoder(open_graph(rounded, built), tokenizer).embed(texts)
    cosines = (embeddings * reference).sum(axis=1)
    lost = int((~np.isfinite(embeddings)).any(axis=1).sum())
    worst = int(np.argmin(np.nan_to_num(cosines, nan=-1.0)))
    return gate(
        f"{built.name}.half_min_cosine",
        cosines.min(),
        limits.encoder_min_cosine,
        better="higher",
        detail={"texts": len(texts), "not_finite": lost, "worst": texts[worst][:_SHOWN]},
    )
