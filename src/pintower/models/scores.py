"""The answer for one query and some pins, wherever it was computed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scores"]


@dataclass(frozen=True)
class Scores:
    """What the scoring head says of N pins, in the order the pins were given.

    Attributes:
        probabilities: FP32 [N, 5], of the levels 1 to 5; 0 where not valid.
        score: FP32 [N], the relevance score (the expected level); 0 where not valid.
        valid: BOOL [N], False for a pin that the snapshot does not hold.
    """

    probabilities: NDArray[np.float32]
    score: NDArray[np.float32]
    valid: NDArray[np.bool_]
