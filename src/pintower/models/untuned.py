"""A pretrained encoder as it is: the cosine that any trained model should beat."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pintower.models.optimization import training_device
from pintower.models.pretrained import load_pretrained, pretrained_folder

__all__ = ["untuned_embeddings"]


def untuned_embeddings(
    backbone: str, texts: Sequence[str], max_tokens: int, pooling: str | None = None
) -> NDArray[np.float32]:
    """Return a pretrained encoder's unit embeddings FP32 [N, H] of rendered texts.

    Args:
        backbone: name or folder.
        texts: rendered queries or pins; no prompt of the encoder's is put before them again.
        max_tokens: longer texts are cut.
        pooling: in the place of the encoder's own, see
            :func:`pintower.models.pretrained.load_pretrained`.

    Raises:
        StudentError: if the backbone cannot be found or loaded.
    """
    encoder = load_pretrained(pretrained_folder(backbone), pooling).to(training_device())
    encoder.max_seq_length = max_tokens
    embeddings: NDArray[np.float32] = encoder.encode(
        list(texts), prompt="", batch_size=64, normalize_embeddings=True, show_progress_bar=False
    )
    return embeddings
