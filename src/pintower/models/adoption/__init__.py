"""A student from an encoder as it is: nothing of the encoder is trained.

Both towers are the given encoder; the scoring head turns their similarity, and the match features
where there are judgments to learn from, into five levels.
"""

from pintower.models.adoption.adopt import adopt

__all__ = ["adopt"]
