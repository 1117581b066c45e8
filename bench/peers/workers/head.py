"""From token vectors to the query's vector, in numpy, for libraries that stop at token vectors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Head"]

POOLINGS = ("mean", "cls")
ACTIVATIONS = ("Identity", "Tanh")


@dataclass(frozen=True)
class Head:
    """Pooling, projections and normalization.

    Attributes:
        pooling: one of :data:`POOLINGS`.
        layers: weights FP32 [in, out], bias FP32 [out] and activation of each projection.
        normalize: give a unit vector.
    """

    pooling: str
    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32], str], ...]
    normalize: bool

    def __call__(self, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vector FP32 [D] of one query's token vectors FP32 [L, H], without padding."""
        return self.finish(tokens.mean(axis=0) if self.pooling == "mean" else tokens[0])

    def finish(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project and normalize a pooled vector FP32 [H]."""
        for weight, bias, activation in self.layers:
            vector = vector @ weight + bias
            if activation == "Tanh":
                vector = np.tanh(vector)
        if self.normalize:
            vector = vector / max(float(np.sqrt(vector @ vector)), 1e-12)
        return vector

    def save(self, path: Path) -> None:
        """Write an ``.npz``."""
        arrays = {"pooling": np.array(self.pooling), "normalize": np.array(self.normalize)}
        for number, (weight, bias, activation) in enumerate(self.layers):
            arrays[f"weight_{number}"] = weight
            arrays[f"bias_{number}"] = bias
            arrays[f"activation_{number}"] = np.array(activation)
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Head":
        """Read what :meth:`save` wrote."""
        with np.load(path) as arrays:
            count = sum(name.startswith("weight_") for name in arrays)
            layers = tuple(
                (arrays[f"weight_{n}"], arrays[f"bias_{n}"], str(arrays[f"activation_{n}"]))
                for n in range(count)
            )
            return cls(str(arrays["pooling"]), layers, bool(arrays["normalize"]))
