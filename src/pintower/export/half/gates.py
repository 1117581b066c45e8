"""A gate on an fp16 graph: the embeddings a GPU would make of it."""

import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from pintower.export.embedded import Embedded, cosines
from pintower.export.half.rounding import write_rounded
from pintower.gates import Gate, gate
from pintower.models.onnx_session import GraphEncoder, open_graph
from pintower.targets import Limits

__all__ = ["half_gate"]

_SHOWN = 60


def half_gate(embedded: Embedded, path: Path, tokenizer: Tokenizer, limits: Limits) -> Gate:
    """Measure an fp16 encoder with every tensor rounded as a GPU stores it, against torch in fp32.

    What fp16 cannot hold makes an embedding that is not finite, which no limit lets pass.

    Args:
        embedded: the graph, texts, and their embeddings in torch.
        path: of the graph's file.
        tokenizer: the encoder's.
        limits: of the target.
    """
    built, texts, reference = embedded.built, embedded.texts, embedded.reference
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".rounded-") as folder:
        rounded = Path(folder) / path.name
        write_rounded(path, rounded)
        embeddings = GraphEncoder(open_graph(rounded, built), tokenizer).embed(
            texts, embedded.vectors
        )
    cosine = cosines(embeddings, reference)
    lost = int((~np.isfinite(embeddings)).any(axis=1).sum())
    worst = int(np.argmin(np.nan_to_num(cosine, nan=-1.0)))
    return gate(
        f"{built.name}.half_min_cosine",
        cosine.min(),
        limits.encoder_min_cosine,
        better="higher",
        detail={"texts": len(texts), "not_finite": lost, "worst": texts[worst][:_SHOWN]},
    )
