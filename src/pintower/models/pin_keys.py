"""What a pin's embedding and terms were made from, as hashes that tell whether they changed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pintower.config import ChangeRule
from pintower.models.pin_inputs import feature_matrix
from pintower.text.rendering import PIN_SOURCES, Rendering, render_pin
from pintower.text.terms import terms

__all__ = ["HASH", "KEYS", "PinKeys", "fixed_lists"]

HASH = pa.binary(16)
KEYS = ("text_key", "rule_key", "vector_key", "terms_key")
"""Columns of the keys.

text_key    the rendered text, as the pin encoder sees it
rule_key    as much of it as the change rule looks at
vector_key  the feature vectors
terms_key   the text sources in full, which the match features and the title come from
"""


@dataclass(frozen=True)
class PinKeys:
    """Makes the keys of pins.

    Attributes:
        rendering: the student's.
        rule: which changes count.
        columns: name and width of each feature vector the pin encoder takes.
    """

    rendering: Rendering
    rule: ChangeRule
    columns: Sequence[Mapping[str, Any]] = ()

    def table(
        self,
        pins: pl.DataFrame,
        texts: Sequence[str] | None = None,
        vectors: NDArray[np.float32] | None = None,
    ) -> pa.Table:
        """Return ``pin_id`` and :data:`KEYS` of N rows of the pins table.

        Args:
            pins: the rows.
            texts: rendered, where they are at hand.
            vectors: FP32 [N, V], where they are at hand.
        """
        rule = self._rule_rendering()
        keys: dict[str, list[bytes]] = {name: [] for name in KEYS}
        if vectors is None:
            vectors = feature_matrix(pins, self.columns)
        for row, pin in enumerate(pins.select(PIN_SOURCES).iter_rows(named=True)):
            text = render_pin(pin, self.rendering) if texts is None else texts[row]
            keys["text_key"].append(_hash(text))
            if rule is self.rendering and not self.rule.fold_text:
                keys["rule_key"].append(keys["text_key"][-1])
            else:
                seen = text if rule is self.rendering else render_pin(pin, rule)
                keys["rule_key"].append(_hash(self._folded(seen)))
            vector = b"" if vectors is None else vectors[row].tobytes()
            keys["vector_key"].append(hashlib.blake2b(vector, digest_size=16).digest())
            keys["terms_key"].append(_hash(repr(tuple(pin.values()))))
        columns = {name: pa.array(values, HASH) for name, values in keys.items()}
        return pa.table({"pin_id": pins["pin_id"].to_arrow().cast(pa.string()), **columns})

    def to_compare(self, pins: pl.DataFrame) -> pa.Table:
        """Return what a comparison with the store needs: keys, and vectors under a tolerance."""
        vectors = feature_matrix(pins, self.columns)
        table = self.table(pins, vectors=vectors)
        if vectors is None or not self.rule.vector_tolerance:
            return table
        return table.append_column("vectors", fixed_lists(vectors))

    def _rule_rendering(self) -> Rendering:
        """Return the rendering without the sources that the rule ignores."""
        kept = tuple(
            source
            for source in self.rendering.pin_sources
            if source not in self.rule.ignored_sources
        )
        if kept == self.rendering.pin_sources:
            return self.rendering
        return replace(self.rendering, pin_sources=kept)

    def _folded(self, text: str) -> str:
        return " ".join(terms(text)) if self.rule.fold_text else text


def fixed_lists(values: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Return rows FP32 [N, W] as an Arrow column."""
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
