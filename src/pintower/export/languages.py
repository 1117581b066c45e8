"""Languages of queries and pins, as far as a dataset states them."""

import polars as pl

__all__ = ["stated_languages"]

_UNKNOWN = "unknown"


def stated_languages(table: pl.DataFrame) -> pl.Series | None:
    """Return the language of each row; None where they are all of one, or none is stated.

    Args:
        table: with a column ``language`` or without; null where a row states none, which is
            ``unknown`` beside rows that state one.
    """
    if "language" not in table.columns or table["language"].n_unique() < 2:
        return None
    return table["language"].fill_null(_UNKNOWN)
