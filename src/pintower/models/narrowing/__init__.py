"""A student of narrower embeddings, made of a wider one without training its towers."""

from pintower.models.narrowing.narrow import Narrowed, narrow_student

__all__ = ["Narrowed", "narrow_student"]
