"""Many texts through an encoder, in batches of similar length."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from pintower.models.encoders import embed_tokens
from pintower.models.pin_inputs import length_batches
from pintower.models.tokenization import token_batch
from pintower.progress import track

__all__ = ["embed_texts"]

_BATCH_TOKENS = 4_096


@torch.inference_mode()
def embed_texts(
    encoder: SentenceTransformer,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    vectors: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the embeddings FP32 [N, D] of N rendered texts, from token ids and mask alone.

    Args:
        encoder: on the device it is to run on.
        tokenizer: cuts at the encoder's length, see :mod:`pintower.models.tokenization`.
        texts: as the encoder is to see them.
        vectors: feature vectors FP32 [N, V], for a pin encoder that takes them.
    """
    lengths = [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts))]
    embeddings = np.zeros((len(texts), encoder.get_embedding_dimension()), dtype=np.float32)
    batches = list(length_batches(lengths, _BATCH_TOKENS))
    sizes = [len(batch) for batch in batches]
    for rows in track(batches, "embedding texts", total=sum(sizes), unit="texts", weights=sizes):
        ids, mask = token_batch(tokenizer, [texts[row] for row in rows])
        parts = [ids, mask] if vectors is None else [ids, mask, vectors[rows]]
        tensors = [torch.from_numpy(part).to(encoder.device) for part in parts]
        embeddings[rows] = embed_tokens(encoder, *tensors).float().cpu().numpy()
    return embeddings
