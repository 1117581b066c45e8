"""A smaller query encoder that puts queries where the full one puts them."""

from pintower.models.cutting.cut import Cut, cut_student

__all__ = ["Cut", "cut_student"]
