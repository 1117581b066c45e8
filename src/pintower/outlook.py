"""What a run found in its data and will do with it, in a few lines."""

from pathlib import Path

import polars as pl

from pintower.config import Recipe
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, SPLITS, read_table
from pintower.models.judged import why_too_few

__all__ = ["outlook"]


def outlook(recipe: Recipe, data: Path) -> list[str]:
    """Return what there is and what follows from it, a line each.

    Args:
        recipe: with its encoders settled.
        data: the data stage's folder.
    """
    judgments, impressions = (read_table(data, name) for name in (JUDGMENTS, IMPRESSIONS))
    pins = read_table(data, PINS).select("pin_id", "language")
    trained = judgments.filter(pl.col("split") == "train")
    lacking = why_too_few(trained)
    return [
        f"pins: {len(pins):,}",
        f"judgments: {_judged(judgments)}",
        f"impressions: {len(impressions):,}" if len(impressions) else "impressions: none",
        f"languages of the pins, as stated: {_languages(pins['language'])}",
        f"teacher: {_teacher(recipe, judgments)}",
        f"student: {_student(recipe, lacking)}",
    ]


def _judged(judgments: pl.DataFrame) -> str:
    if judgments.is_empty():
        return "none"
    levels = ", ".join(map(str, judgments["level"].unique().sort()))
    queries = {
        split: judgments.filter(pl.col("split") == split)["query"].n_unique() for split in SPLITS
    }
    parts = ", ".join(f"{count} for {split}" for split, count in queries.items())
    return f"{len(judgments):,} of {sum(queries.values()):,} queries ({parts}); levels {levels}"


def _languages(languages: pl.Series) -> str:
    """Return the pins' languages with their shares, most first."""
    stated = languages.fill_null("")
    counts = stated.value_counts(sort=True, normalize=True, name="share")
    if not any(counts["language"]):
        return "none"
    return ", ".join(f"{name or 'not stated'} {share:.0%}" for name, share in counts.iter_rows())


def _teacher(recipe: Recipe, judgments: pl.DataFrame) -> str:
    if recipe.student.method == "encoder":
        return "none, the student is an encoder as it is"
    if judgments.is_empty():
        return "none, there are no judgments to learn from"
    pairs = f"{recipe.labels.pairs:,} pairs at most"
    if recipe.labels.force:
        return f"trained, and labels {pairs}"
    return f"trained; labels {pairs}, if it judges better than what needs no training"


def _student(recipe: Recipe, lacking: str) -> str:
    if recipe.student.method == "encoder":
        return "the encoder as it is, with a scoring head"
    if lacking:
        return f"the encoder as it is, since nothing tells whether training pays ({lacking})"
    depths = ", ".join(recipe.student.depths)
    more = f"; {recipe.student.trials} at other rates" if recipe.student.trials else ""
    return f"the encoder as it is, or trained where that pays ({depths}{more})"
