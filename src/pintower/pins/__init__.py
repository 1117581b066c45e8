"""The pins stage: the catalogue's embeddings, and the snapshot that is served."""

from pintower.pins.stage import run

__all__ = ["run"]
