"""Embeddings cut to their first numbers: Matryoshka widths.

Kusupati et al. (2022), "Matryoshka Representation Learning": an embedding whose first w numbers are
trained as an embedding of their own, for several w at once, can be stored and compared at any of
these widths.
"""

import torch
from torch import Tensor

__all__ = ["narrowed"]


def narrowed(embeddings: Tensor, width: int) -> Tensor:
    """Return the first numbers of unit embeddings, of length one again: FP32 [N, width].

    At their own width they are returned as they are.

    Args:
        embeddings: FP32 [N, D].
        width: 1 to D.
    """
    if width == embeddings.shape[1]:
        return embeddings
    return torch.nn.functional.normalize(embeddings[:, :width], dim=1)
