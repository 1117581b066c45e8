"""The evaluation stage: student, teacher and baselines on the judgments of held-out queries."""

from pintower.evaluation.stage import run

__all__ = ["run"]
