"""What every competitor can do, whatever library is behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EncoderOnly", "Peer"]


@dataclass(frozen=True)
class EncoderOnly:
    """The encoder without its tokenizer.

    Attributes:
        prepare: token ids of one query to the library's own inputs; not timed.
        forward: those inputs to whatever the library gives; timed.
    """

    prepare: Callable[[list[int]], Any]
    forward: Callable[[Any], Any]


@dataclass(frozen=True)
class Peer:
    """A loaded competitor.

    Attributes:
        encode: one text to its vector FP32 [D], as this library's user would call it.
        encoder: None where the library gives no access to it.
        encode_all: many texts to their vectors FP32 [N, D], as this library's user would call it.
    """

    encode: Callable[[str], NDArray[np.float32]]
    encoder: EncoderOnly | None
    encode_all: Callable[[list[str]], NDArray[np.float32]] | None = None
