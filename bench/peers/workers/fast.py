"""fastembed with a custom model from a local folder. Spec: ``folder``, ``file``, ``head``.

Pooling is fastembed's own; what it has no word for, a projection, follows in numpy.
"""

from pathlib import Path
from typing import Any

import numpy as np
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from numpy.typing import NDArray

from .head import Head
from .peer import Peer

NAME = "local/query-encoder"
POOLINGS = {"mean": PoolingType.MEAN, "cls": PoolingType.CLS}


def load(spec: dict[str, Any]) -> Peer:
    """Register the folder as a model and load it on one thread."""
    head = Head.load(Path(spec["head"]))
    TextEmbedding.add_custom_model(
        model=NAME,
        pooling=POOLINGS[head.pooling],
        normalization=head.normalize and not head.layers,
        sources=ModelSource(url="file://local"),
        dim=spec["width"],
        model_file=spec["file"],
    )
    model = TextEmbedding(
        NAME, threads=1, specific_model_path=spec["folder"], providers=["CPUExecutionProvider"]
    )

    def encode(text: str) -> NDArray[np.float32]:
        vector = next(iter(model.embed([text])))
        return head.finish(vector) if head.layers else vector

    return Peer(encode, None)
