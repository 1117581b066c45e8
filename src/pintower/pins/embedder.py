"""From rows of the pins table to rows of the store, in whichever process."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from pintower.artifacts import hash_files
from pintower.config import PinsConfig
from pintower.contracts import Contract
from pintower.errors import StudentError
from pintower.models.layout import StudentLayout, space_id
from pintower.models.onnx_session import GraphEncoder, open_built_graphs
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.pin_keys import PinKeys, fixed_lists
from pintower.models.tokenization import load_tokenizer
from pintower.pins.store import Origin, store_schema
from pintower.text.forward_index import pin_terms
from pintower.text.rendering import PIN_SOURCES
from pintower.text.words import words

if TYPE_CHECKING:
    from pintower.models.embedding import TorchEncoder

__all__ = ["PinEmbedder", "require_exported"]

_BATCH_TOKENS = 512
_BF16_BATCH_TOKENS = 2_048
"""Products in bfloat16 are made in larger tiles, which a small batch would not fill."""

_TITLE_WORDS = 8


@dataclass(frozen=True)
class PinEmbedder:
    """A gated pin encoder with all that its inputs are made by.

    Attributes:
        origin: of its embeddings.
        encoder: the graph, or torch's modules, with its tokenizer.
        keys: makes the keys of pins, holds the rendering.
        batch_tokens: token budget of a batch.
    """

    origin: Origin
    encoder: "GraphEncoder | TorchEncoder"
    keys: PinKeys
    batch_tokens: int

    @classmethod
    def load(cls, config: PinsConfig, student: Path, export: Path) -> "PinEmbedder":
        """Load a student's exported pin encoder.

        Raises:
            StudentError: if the graphs were exported from another student.
            RepositoryError: if the export folder is not as its contract says.
            SetupError: if the graph is in bf16, and this machine cannot run it.
        """
        layout = StudentLayout(student)
        layout.require()
        require_exported(export, layout)
        return cls.open(config, student, export)

    @classmethod
    def open(cls, config: PinsConfig, student: Path, export: Path) -> "PinEmbedder":
        """Load what :meth:`load` has checked before, or what was copied from there."""
        contract = Contract.load(export / "contract.json")
        layout = StudentLayout(student)
        rendering = layout.load_rendering()
        tokenizer = load_tokenizer(layout.pin_encoder, rendering.pin_max_tokens)
        origin = Origin.of(contract)
        encoder: GraphEncoder | TorchEncoder
        if config.runtime == "torch":
            from pintower.models import embedding  # torch takes seconds to import

            encoder = embedding.TorchEncoder.open(layout.pin_encoder, rendering.pin_max_tokens)
            origin = origin.made_by("torch", encoder.precision)
            usual = embedding.usual_batch_tokens(encoder.encoder.device)
        else:
            count = config.threads or len(os.sched_getaffinity(0))
            graph, *more = open_built_graphs(export, contract, "pin_encoder", count)
            encoder = GraphEncoder(graph, tokenizer, tuple(more))
            bf16 = contract.graphs["pin_encoder"].precision == "bf16"
            usual = _BF16_BATCH_TOKENS if bf16 else _BATCH_TOKENS
        return cls(
            origin=origin,
            encoder=encoder,
            keys=PinKeys(rendering, config.changes, layout.pin_columns()),
            batch_tokens=config.batch_tokens or usual,
        )

    def rows(self, pins: pl.DataFrame) -> pa.Table:
        """Return the store's rows of some pins, embedded."""
        texts = pin_texts(pins, self.keys.rendering)
        vectors = feature_matrix(pins, self.keys.columns)
        embeddings = self.encoder.embed(texts, vectors, batch_tokens=self.batch_tokens)
        table = self.keys.table(pins, texts, vectors)
        table = table.append_column("embedding", fixed_lists(embeddings))
        if vectors is not None:
            table = table.append_column("vectors", fixed_lists(vectors))
        return self._complete(table, pins)

    def texts_only(self, pins: pl.DataFrame) -> pa.Table:
        """Return the columns that follow from the pins' text without the encoder."""
        keys = self.keys.table(pins).select(["pin_id", "rule_key", "terms_key"])
        return self._complete(keys, pins)

    def _complete(self, table: pa.Table, pins: pl.DataFrame) -> pa.Table:
        """Add terms and title, and put the columns in the store's order."""
        rows = [pin_terms(pin) for pin in pins.select(PIN_SOURCES).iter_rows(named=True)]
        added = {
            "deleted": [False] * len(rows),
            "terms": [ids for ids, _, _ in rows],
            "counts": [[one for row in counts for one in row] for _, counts, _ in rows],
            "title_terms": [title for _, _, title in rows],
            "title": self._titles(pins),
        }
        schema = store_schema(self.origin)
        for name, values in added.items():
            table = table.append_column(name, pa.array(values, schema.field(name).type))
        kept = [field for field in schema if field.name in table.column_names]
        ordered = table.select([field.name for field in kept])
        return ordered.cast(pa.schema(kept, metadata=schema.metadata))

    def _titles(self, pins: pl.DataFrame) -> list[str]:
        """Return each pin's title; the first words of its text where it has none."""
        found: list[str] = pins["title"].to_list()
        untitled = [row for row, title in enumerate(found) if not title]
        if untitled:
            texts = pin_texts(pins[untitled], replace(self.keys.rendering, pin_prefix=""))
            for row, text in zip(untitled, texts, strict=True):
                found[row] = "".join(words(text)[:_TITLE_WORDS]).strip()
        return found


def require_exported(export: Path, layout: StudentLayout) -> None:
    """Refuse a student that some graphs were not exported from.

    Raises:
        StudentError: if it is of another space, or its match statistics are others.
        RepositoryError: if the contract cannot be read.
    """
    contract = Contract.load(export / "contract.json")
    space = space_id(layout.root)
    if contract.space_id != space:
        raise StudentError(
            f"The exported graphs belong to space {contract.space_id[:16]}, the student "
            f"{layout.root} to space {space[:16]}: their embeddings cannot be compared. Export "
            "this student's graphs first."
        )
    if hash_files(export / layout.match_stats.name) != hash_files(layout.match_stats):
        raise StudentError(
            f"The graphs in {export} were exported with other match statistics than those of the "
            f"student {layout.root}. Export this student's graphs first, or give theirs."
        )
