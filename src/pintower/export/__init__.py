"""The export stage: a student's three graphs as ONNX, in the target's precision, gated."""

from pintower.export.stage import run

__all__ = ["run"]
