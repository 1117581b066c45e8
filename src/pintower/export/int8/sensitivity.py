"""Which products an encoder's embedding suffers from most, when they alone are int8."""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pintower.export.int8.static import Prepared, TokenBatches, write_int8
from pintower.progress import track

__all__ = ["most_sensitive"]

logger = logging.getLogger(__name__)

_SHARE_KEPT = 0.25
_BATCHES = 8


def most_sensitive(prepared: Prepared, texts: TokenBatches) -> list[str]:
    """Return the quarter of the products that move embeddings most, the worst first.

    Each group of products that read the same rows is put in int8 alone, and the embeddings are
    compared with those of the fp32 graph.

    Args:
        prepared: the graph and its scales.
        texts: some of the calibration texts are embedded.
    """
    few = texts[:: max(1, len(texts) // _BATCHES)]
    wanted = _embed(prepared.source, few)
    error = {}
    with tempfile.TemporaryDirectory(dir=prepared.source.parent, prefix=".sense-") as folder:
        path = Path(folder) / "one.onnx"
        for tensor in track(list(prepared.scales), "measuring sensitivity", unit="products"):
            write_int8(prepared, path, keep=prepared.scales.keys() - {tensor})
            error[tensor] = float(1 - (_embed(path, few) * wanted).sum(axis=1).mean())
    ranked = sorted(error, key=lambda tensor: -error[tensor])
    kept = ranked[: max(1, round(len(ranked) * _SHARE_KEPT))]
    for tensor in kept:
        names = ", ".join(prepared.groups[tensor])
        logger.info("kept in fp32: %s (1 - cosine %.2g when alone in int8)", names, error[tensor])
    return kept


def _embed(path: Path, texts: TokenBatches) -> NDArray[np.float32]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]
    parts = [session.run(None, dict(zip(names, batch, strict=True)))[0] for batch in texts]
    return np.concatenate(parts)
