"""Embeddings cut to their first numbers: Matryoshka widths.

Kusupati et al. (2022), "Matryoshka Representation Learning": an embedding whose first w numbers are
trained as an embedding of their own, for several w at once, can be stored and compared at any of
these widths.
"""

import torch
from torch import Tensor

__all__ = ["narrowed", "principal_axes"]


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


@torch.no_grad()
def principal_axes(embeddings: Tensor, width: int) -> Tensor:
    """Return the axes on which embeddings are largest, the largest first: FP32 [width, D].

    Eigenvectors of the second moment, without a mean taken off: of all so many axes they keep most
    of the embeddings' squared lengths.

    Args:
        embeddings: FP32 [N, D].
        width: 1 to D.
    """
    _, axes = torch.linalg.eigh(embeddings.T @ embeddings)
    first: Tensor = axes.flip(1)[:, :width].T
    return first
