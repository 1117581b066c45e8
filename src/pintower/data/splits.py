"""Splits by query: deterministic, and never one query in two of them.

A query's place comes from a hash of its normal form and the seed, so that adding judgments moves no
query that was there before (the few moves that fill an empty split in a tiny set apart).
"""

import hashlib
from collections.abc import Iterable, Mapping

import polars as pl

from pintower.data.checks import examples
from pintower.errors import DatasetError
from pintower.text.rendering import Rendering, normalize_query

__all__ = ["assign_splits", "held_out_queries", "normal_forms", "split_judgments", "stated_splits"]

_RENDERING = Rendering()


def normal_forms(queries: Iterable[str]) -> dict[str, str]:
    """Return ``{query: its normal form}``: two queries with one normal form are one query."""
    return {query: normalize_query(query, _RENDERING) for query in queries}


def assign_splits(
    queries: Iterable[str], *, seed: int, validation_share: float, test_share: float
) -> dict[str, str]:
    """Return ``{query: split}`` for queries in normal form.

    Where there are queries enough, no split with a share above zero is left empty: the training
    queries are served first, then test, then validation.
    """
    place = {query: _place(query, seed) for query in queries}
    ordered = sorted(place, key=lambda query: (place[query], query))
    splits = {
        query: "test"
        if place[query] < test_share
        else "validation"
        if place[query] < test_share + validation_share
        else "train"
        for query in ordered
    }
    wanted = ["train"] + ["test"] * (test_share > 0) + ["validation"] * (validation_share > 0)
    for rank, split in enumerate(wanted):
        if split not in splits.values() and len(ordered) > rank:
            _move_one(splits, ordered, split, served=wanted[:rank])
    return splits


def split_judgments(
    judgments: pl.DataFrame, *, seed: int, validation_share: float, test_share: float
) -> pl.DataFrame:
    """Return the judgments with every ``split`` filled; a user's own split is honoured.

    A query that the user put nowhere is placed by hash. A validation or test split that the user
    stated is complete: no other query is added to it.

    Raises:
        DatasetError: if one query (in normal form) has two splits.
    """
    given = stated_splits(judgments)
    forms = normal_forms(judgments["query"].unique(maintain_order=True))
    free = [form for form in dict.fromkeys(forms.values()) if form not in given]
    stated = set(given.values())
    placed = assign_splits(
        free,
        seed=seed,
        validation_share=0.0 if "validation" in stated else validation_share,
        test_share=0.0 if "test" in stated else test_share,
    )
    splits = {query: given.get(form) or placed[form] for query, form in forms.items()}
    if splits and "train" not in splits.values():
        raise DatasetError(
            f"No judged query is left for training: the column 'split' puts all "
            f"{len(splits)} of them ({examples(splits)}) elsewhere."
        )
    column = pl.col("query").replace_strict(splits, return_dtype=pl.String).alias("split")
    return judgments.with_columns(column)


def stated_splits(judgments: pl.DataFrame) -> dict[str, str]:
    """Return ``{normal form: split}`` for the queries that the user placed.

    Raises:
        DatasetError: if one query (in normal form) has two splits.
    """
    stated = judgments.select("query", "split").drop_nulls().unique(maintain_order=True)
    forms = normal_forms(stated["query"])
    given: dict[str, str] = {}
    for query, split in stated.iter_rows():
        if given.setdefault(forms[query], split) != split:
            raise DatasetError(
                f"Query {query!r} is in the split {given[forms[query]]!r} and in {split!r} "
                f"(upper case and blanks do not tell queries apart); put each query in one split."
            )
    return given


def held_out_queries(judgments: pl.DataFrame) -> frozenset[str]:
    """Return the normal forms of the judged queries outside the training split."""
    held = judgments.filter(pl.col("split") != "train")["query"].unique()
    return frozenset(normal_forms(held).values())


def _place(query: str, seed: int) -> float:
    """Return a number in [0, 1) that depends on the query and the seed alone."""
    digest = hashlib.blake2b(f"{seed}\0{query}".encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") / 2**64


def _move_one(splits: dict[str, str], ordered: list[str], split: str, *, served: list[str]) -> None:
    """Move one query to an empty split from the split that has most."""
    sizes: Mapping[str, int] = {
        name: sum(value == name for value in splits.values()) for name in set(splits.values())
    }
    donors = [name for name in sizes if sizes[name] > (1 if name in served else 0)]
    if not donors:
        return
    donor = max(donors, key=lambda name: (sizes[name], name))
    candidates = [query for query in ordered if splits[query] == donor]
    splits[candidates[-1] if split == "train" else candidates[0]] = split
