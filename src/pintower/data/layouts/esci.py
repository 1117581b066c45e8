"""ESCI, Amazon's shopping queries in English, Spanish and Japanese: exact to irrelevant.

    shopping_queries_dataset_examples.parquet   query, product_id, product_locale, esci_label,
                                                split (train, test)
    shopping_queries_dataset_products.parquet   product_id, product_locale, product_title,
                                                product_description, product_bullet_point,
                                                product_brand, product_color

Two shops may sell one product under one id with different texts, so a pin's id is made of both,
``us:B07Q9VNK2X``, in every locale. Every product is kept, judged or not. Brand, colour and bullet
points stand where a picture's caption would. The dataset's third file, where each query comes
from, isn't read.

Upstream's test queries are test queries here. Its others are left to be split by
``data.validation_share``, because it has no validation split; a query that is a test query in
one locale is one in all, so that no split shares a query with another.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pintower.data.checks import as_text
from pintower.data.files import read_parquet
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.markup import plain_text
from pintower.data.layouts.rows import refuse_others, refuse_unknown, to_levels

__all__ = ["ESCI"]

_LEVELS = {
    "I": 1, "C": 2, "S": 4, "E": 5,
    "irrelevant": 1, "complement": 2, "substitute": 4, "exact": 5,
}  # fmt: skip
_EXAMPLES = ("query", "product_id", "product_locale", "esci_label", "split")
_IDENTITY = ("product_id", "product_locale")
_TEXTS = ("product_title", "product_description")
_FACTS = ("product_brand", "product_color", "product_bullet_point")
_LANGUAGES = {"us": "en", "es": "es", "jp": "ja"}
_SPLITS = {"train": None, "test": "test"}

_PIN_ID = pl.concat_str("product_locale", "product_id", separator=":").alias("pin_id")
_LANGUAGE = pl.col("product_locale").replace_strict(_LANGUAGES).alias("language")
_COUNTRY = pl.col("product_locale").alias("country")


def _read(files: Mapping[str, Path]) -> PublicTables:
    products = read_parquet(files["pins"], (*_IDENTITY, *_TEXTS, *_FACTS))
    refuse_others(products, "product_locale", _LANGUAGES, files["pins"])
    path = files["judgments"]
    rows = read_parquet(path, _EXAMPLES)
    levels = to_levels(rows, "esci_label", _LEVELS, path)
    splits = refuse_others(rows, "split", _SPLITS, path)
    refuse_unknown(rows, _IDENTITY, products, path, files["pins"])
    judgments = rows.select(
        "query",
        _PIN_ID,
        levels,
        _LANGUAGE,
        _COUNTRY,
        splits.replace_strict(_SPLITS, return_dtype=pl.String),
    )
    return PublicTables(_pins(products, files["pins"]), judgments)


def _pins(products: pl.DataFrame, path: Path) -> pl.DataFrame:
    texts = [plain_text(as_text(products, name, path)) for name in (*_TEXTS, *_FACTS)]
    said = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in _FACTS]
    return products.select(*_IDENTITY, *texts).select(
        _PIN_ID,
        pl.col("product_title").alias("title"),
        pl.col("product_description").alias("description"),
        pl.concat_str(said, separator=". ", ignore_nulls=True).alias("caption"),
        _LANGUAGE,
        _COUNTRY,
    )


ESCI = Layout(
    name="ESCI",
    source="https://github.com/amazon-science/esci-data",
    files={
        "pins": ("shopping_queries_dataset_products.parquet",),
        "judgments": ("shopping_queries_dataset_examples.parquet",),
    },
    levels=_LEVELS,
    read=_read,
)
