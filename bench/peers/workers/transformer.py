"""torch: the transformer as it is, or through torch.compile (inductor).

Compiled, the encoder alone has one specialization a length (``dynamic=False``); texts of any length
go through one compilation with a dynamic length. Spec: ``folder``, ``head``, ``max_tokens``,
``compile``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from .head import Head
from .peer import EncoderOnly, Peer


def load(spec: dict[str, Any]) -> Peer:
    """Load the transformer in fp32 on one thread."""
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    model = AutoModel.from_pretrained(spec["folder"], dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(spec["folder"])
    head = Head.load(Path(spec["head"]))
    fixed, varying = model, model
    if spec["compile"]:
        fixed = torch.compile(model, dynamic=False)
        varying = torch.compile(model, dynamic=True)
    takes_types = "token_type_ids" in tokenizer.model_input_names

    def prepare(ids: list[int]) -> dict[str, torch.Tensor]:
        row = torch.tensor([ids])
        inputs = {"input_ids": row, "attention_mask": torch.ones_like(row)}
        return inputs | ({"token_type_ids": torch.zeros_like(row)} if takes_types else {})

    def forward(inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.inference_mode():
            return fixed(**inputs).last_hidden_state

    def encode(text: str) -> NDArray[np.float32]:
        inputs = tokenizer(
            text, truncation=True, max_length=spec["max_tokens"], return_tensors="pt"
        )
        with torch.inference_mode():
            return head(varying(**inputs).last_hidden_state[0].numpy())

    return Peer(encode, EncoderOnly(prepare, forward))
