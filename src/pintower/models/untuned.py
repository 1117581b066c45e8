"""A pretrained encoder as it is: the cosine that any trained model should beat."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.models.backbones import find_backbone
from pintower.models.encoders import load_encoder

__all__ = ["untuned_embeddings"]


def untuned_embeddings(backbone: str, texts: Sequence[str], max_tokens: int) -> NDArray[np.float32]:
    """Return a pretrained encoder's unit embeddings FP32 [N, H] of rendered texts.

    Args:
        backbone: name or folder; its own pooling is used where it states one, else the mean.
        texts: rendered queries or pins.
        max_tokens: longer texts are cut.

    Raises:
        StudentError: if the backbone cannot be found.
    """
    folder = find_backbone(backbone)
    if (folder / "modules.json").is_file():
        encoder = load_encoder(folder)
    else:
        transformer = Transformer(str(folder))
        modules = [transformer, Pooling(transformer.get_embedding_dimension())]
        encoder = SentenceTransformer(modules=modules, device="cpu").eval()
    encoder.max_seq_length = max_tokens
    embeddings: NDArray[np.float32] = encoder.encode(
        list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False
    )
    return embeddings
