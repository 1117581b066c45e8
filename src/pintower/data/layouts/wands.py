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
from pintower.data.delimited import read_csv
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.rows import refuse_unknown, standing, to_levels

__all__ = ["WANDS"]

_LEVELS = {"Irrelevant": 1, "Partial": 3, "Exact": 5}
_PRODUCT = ("product_id", "product_name", "product_description")
_CATEGORY = ("product_class", "category hierarchy")
_FEATURES = "product_features"
_COUNTS = ("rating_count", "review_count")
_STANDING = ("rating_count", "average_rating", "review_count")
_QUERY = ("query_id", "query")
_LABEL = ("query_id", "product_id", "label")

_LOOKS = ("type", "color", "material", "style", "pattern", "shape", "finish", "theme", "upholster")
"""Parts of the names of features that a searcher names; their words come first."""
_SALE = ("warranty", "country", "approveduse", "partnumber", "care", "assembly")
"""Parts of the names of features that say how it is sold and kept; they are left out."""
_NO_WORDS = {"yes", "no", "none", "does not apply", "not applicable", "unknown", "unrated"}


def _read(files: Mapping[str, Path]) -> PublicTables:
    pins = _pins(files["pins"])
    queries = read_csv(files["queries"], "\t")
    require(queries, _QUERY, files["queries"])
    path = files["judgments"]
    rows = read_csv(path, "\t")
    require(rows, _LABEL, path)
    levels = to_levels(rows, "label", _LEVELS, path)
    refuse_unknown(rows, ["query_id"], queries, path, files["queries"])
    refuse_unknown(rows, ["product_id"], pins.select(product_id="pin_id"), path, files["pins"])
    texts = queries.select(_QUERY).unique("query_id", maintain_order=True)
    judgments = rows.select("query_id", pl.col("product_id").alias("pin_id"), levels).join(
        texts, on="query_id", how="left", maintain_order="left"
    )
    return PublicTables(pins, judgments.select("query", "pin_id", "level"))


def _pins(path: Path) -> pl.DataFrame:
    products = read_csv(path, "\t")
    require(products, (*_PRODUCT, *_CATEGORY, _FEATURES, *_STANDING), path)
    return products.select(
        pl.col("product_id").alias("pin_id"),
        pl.col("product_name").alias("title"),
        pl.col("product_description").alias("description"),
        pl.col(_FEATURES).map_elements(_caption, return_dtype=pl.String).alias("caption"),
        pl.struct(_CATEGORY).map_elements(_boards, return_dtype=pl.List(pl.String))
        .alias("board_titles"),
        standing(products, _STANDING, _COUNTS, path),
    )  # fmt: skip


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
