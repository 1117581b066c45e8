"""Many texts through an encoder, in batches of similar length."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor

from pintower.models.encoders import embed_tokens, load_encoder
from pintower.models.optimization import autocast, multiplies_bf16, training_device
from pintower.models.pin_inputs import length_batches
from pintower.models.tokenization import TokenRows, load_tokenizer
from pintower.progress import track

__all__ = ["TorchEncoder", "embed_texts", "usual_batch_tokens"]

_BATCH_TOKENS = {"cpu": 2_048, "cuda": 65_536}
_AHEAD = 4
"""Batches that a GPU may be behind the host."""


def usual_batch_tokens(device: torch.device) -> int:
    """Return the token budget of a batch that a device is fastest with, of those tried."""
    return _BATCH_TOKENS[device.type]


@torch.inference_mode()
def embed_texts(
    encoder: SentenceTransformer,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    vectors: NDArray[np.float32] | None = None,
    *,
    batch_tokens: int | None = None,
    bf16: bool = False,
    shown: bool = True,
) -> NDArray[np.float32]:
    """Return the embeddings FP32 [N, D] of N rendered texts, from token ids and mask alone.

    Args:
        encoder: on the device it is to run on.
        tokenizer: cuts at the encoder's length, see :mod:`pintower.models.tokenization`.
        texts: as the encoder is to see them.
        vectors: feature vectors FP32 [N, V], for a pin encoder that takes them.
        batch_tokens: token budget of a batch, padding included; None takes the device's own.
        bf16: multiply in bfloat16 where the device can.
        shown: report progress.
    """
    tokens = TokenRows.of(tokenizer, texts)
    embeddings = np.zeros((len(texts), encoder.get_embedding_dimension()), dtype=np.float32)
    batches = length_batches(tokens.lengths, batch_tokens or usual_batch_tokens(encoder.device))
    if shown:
        batches = track(batches, "embedding texts", total=len(texts), unit="texts", weights=len)
    ahead: deque[tuple[NDArray[np.int64], Tensor]] = deque()

    def keep_first() -> None:
        rows, embedded = ahead.popleft()
        embeddings[rows] = embedded.float().cpu().numpy()

    # One context for all batches: inside it the weights are put in bfloat16 once.
    with autocast(encoder.device, bf16):
        for rows in batches:
            parts = [*tokens.batch(rows), *([] if vectors is None else [vectors[rows]])]
            tensors = [torch.from_numpy(part).to(encoder.device) for part in parts]
            ahead.append((rows, embed_tokens(encoder, *tensors)))
            # A GPU computes while the next batch is made; waiting for each one would idle it.
            if len(ahead) > (_AHEAD if encoder.device.type == "cuda" else 0):
                keep_first()
    while ahead:
        keep_first()
    return embeddings


@dataclass(frozen=True)
class TorchEncoder:
    """An encoder as it was trained, with its tokenizer; the counterpart of an exported graph's.

    Attributes:
        encoder: on the device it runs on.
        tokenizer: cuts at the encoder's length.
        bf16: multiply in bfloat16 where the device can.
    """

    encoder: SentenceTransformer
    tokenizer: Tokenizer
    bf16: bool

    @classmethod
    def open(cls, folder: Path, max_tokens: int) -> "TorchEncoder":
        """Load a sentence-transformers folder, onto the GPU where there is one.

        Raises:
            StudentError: if the folder is absent or is not one.
        """
        device = training_device()
        encoder = load_encoder(folder).to(device)
        bf16 = multiplies_bf16(device.type)
        return cls(encoder, load_tokenizer(folder, max_tokens), bf16)

    @property
    def precision(self) -> str:
        """Of the products."""
        return "bf16" if self.bf16 else "fp32"

    def embed(
        self,
        texts: Sequence[str],
        vectors: NDArray[np.float32] | None = None,
        *,
        batch_tokens: int | None = None,
    ) -> NDArray[np.float32]:
        """Return the embeddings FP32 [N, D] of N rendered texts; see :func:`embed_texts`."""
        return embed_texts(
            self.encoder,
            self.tokenizer,
            texts,
            vectors,
            batch_tokens=batch_tokens,
            bf16=self.bf16,
            shown=False,
        )
