"""WANDS, the Wayfair annotation dataset: furniture and household goods, judged by experts.

    product.csv     product_id, product_name, product_class, category hierarchy,
                    product_description, product_features, rating_count, average_rating,
                    review_count
    query.csv       query_id, query, query_class
    label.csv       id, query_id, product_id, label (Exact, Partial, Irrelevant)

Despite their names the files are separated by tabs, with fields quoted where they need it. The
levels of a product's category, most specific first, are its boards. Its features, some thousand
kinds of them, give the words of the caption; ratings and reviews become a feature vector.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from pintower.data.checks import require
from pintower.data.columns import AMOUNT, IDENTIFIER, TEXT
from pintower.data.delimited import read_csv
from pintower.data.kinds import Kind
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.rows import label, refuse_unknown, standing
from pintower.data.origin import Rows

__all__ = ["WANDS"]

_LEVELS = {"Irrelevant": 1, "Partial": 3, "Exact": 5}
_CATEGORY = ("product_class", "category hierarchy")
_FEATURES = "product_features"
_COUNTS = ("rating_count", "review_count")
_STANDING = ("rating_count", "average_rating", "review_count")
_PRODUCT = {
    "product_id": IDENTIFIER,
    **dict.fromkeys(("product_name", "product_description", *_CATEGORY, _FEATURES), TEXT),
    **dict.fromkeys(_STANDING, AMOUNT),
}
_QUERY = {"query_id": IDENTIFIER, "query": TEXT}
_LABEL = {"query_id": IDENTIFIER, "product_id": IDENTIFIER, "label": label(_LEVELS)}

_LOOKS = ("type", "color", "material", "style", "pattern", "shape", "finish", "theme", "upholster")
"""Parts of the names of features that a searcher names; their words come first."""
_SALE = ("warranty", "country", "approveduse", "partnumber", "care", "assembly")
"""Parts of the names of features that say how it is sold and kept; they are left out."""
_NO_WORDS = {"yes", "no", "none", "does not apply", "not applicable", "unknown", "unrated"}


def _read(files: Mapping[str, Path]) -> PublicTables:
    pins = _pins(files["pins"])
    queries = _rows(files["queries"], _QUERY)
    rows = _rows(files["judgments"], _LABEL)
    refuse_unknown(rows, ["query_id"], queries.frame, files["queries"].name)
    refuse_unknown(rows, ["product_id"], pins.frame.select(product_id="pin_id"), files["pins"].name)
    texts = queries.frame.select(*_QUERY).unique("query_id", maintain_order=True)
    judgments = rows.frame.join(texts, on="query_id", how="left", maintain_order="left").select(
        "query",
        pl.col("product_id").alias("pin_id"),
        pl.col("label").replace_strict(_LEVELS, return_dtype=pl.Int8).alias("level"),
    )
    return PublicTables(pins, Rows(judgments, rows.origin))


def _rows(path: Path, kinds: Mapping[str, Kind]) -> Rows:
    rows = read_csv(path, "\t", kinds)
    require(rows.frame.columns, kinds, rows.origin)
    return rows


def _pins(path: Path) -> Rows:
    rows = _rows(path, _PRODUCT)
    pins = rows.frame.select(
        pl.col("product_id").alias("pin_id"),
        pl.col("product_name").alias("title"),
        pl.col("product_description").alias("description"),
        pl.col(_FEATURES).map_elements(_caption, return_dtype=pl.String).alias("caption"),
        pl.struct(_CATEGORY).map_elements(_boards, return_dtype=pl.List(pl.String))
        .alias("board_titles"),
        standing(rows.frame, _STANDING, _COUNTS),
    )  # fmt: skip
    return Rows(pins, rows.origin)


def _boards(product: Mapping[str, str | None]) -> list[str]:
    """Return the classes, then the category from "Furniture / Beds" upwards, each once."""
    classes, hierarchy = (product[name] or "" for name in _CATEGORY)
    titles = [*classes.split("|"), *reversed(hierarchy.split(" / "))]
    return list(dict.fromkeys(title.strip() for title in titles if title.strip()))


def _caption(features: str) -> str:
    """Return "slow cooker, stainless steel, keep warm setting" for "producttype : slow ..."."""
    said = list(_said(features))
    first = [words for name, words in said if any(part in name for part in _LOOKS)]
    return ", ".join(dict.fromkeys([*first, *(words for _, words in said)]))


def _said(features: str) -> Iterator[tuple[str, str]]:
    """Yield the names and words of the features that say something in words."""
    for feature in features.split("|"):
        name, _, value = feature.partition(":")
        words = value.strip()
        wordless = words.lower() in _NO_WORDS or not any(map(str.isalpha, words))
        if not wordless and not any(part in name for part in _SALE):
            yield name, words


WANDS = Layout(
    name="WANDS",
    source="https://github.com/wayfair/WANDS",
    files={
        "pins": ("product.csv",),
        "queries": ("query.csv",),
        "judgments": ("label.csv",),
    },
    levels=_LEVELS,
    read=_read,
)
