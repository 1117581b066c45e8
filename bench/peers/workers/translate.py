"""CTranslate2's encoder. Spec: ``folder``, ``compute``, ``tokenizer``, ``head``, ``max_tokens``."""

from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from .head import Head
from .peer import EncoderOnly, Peer
from .session import open_tokenizer


def load(spec: dict[str, Any]) -> Peer:
    """Load the converted model on one thread."""
    encoder = ctranslate2.Encoder(
        spec["folder"],
        device="cpu",
        compute_type=spec["compute"],
        inter_threads=1,
        intra_threads=1,
    )
    tokenizer = open_tokenizer(spec)
    head = Head.load(Path(spec["head"]))

    def forward(ids: list[int]) -> NDArray[np.float32]:
        return np.array(encoder.forward_batch([ids]).last_hidden_state)

    def encode(text: str) -> NDArray[np.float32]:
        return head(forward(tokenizer.encode(text).ids)[0])

    return Peer(encode, EncoderOnly(list, forward))
