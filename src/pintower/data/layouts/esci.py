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

from pintower.data.columns import IDENTIFIER, TEXT
from pintower.data.files import read_parquet
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.markup import plain_text
from pintower.data.layouts.rows import label, refuse_unknown
from pintower.data.origin import Rows

__all__ = ["ESCI"]

_LEVELS = {
    "I": 1, "C": 2, "S": 4, "E": 5,
    "irrelevant": 1, "complement": 2, "substitute": 4, "exact": 5,
}  # fmt: skip
_IDENTITY = ("product_id", "product_locale")
_TEXTS = ("product_title", "product_description")
_FACTS = ("product_brand", "product_color", "product_bullet_point")
_LANGUAGES = {"us": "en", "es": "es", "jp": "ja"}
_SPLITS = {"train": None, "test": "test"}
_EXAMPLES = {
    "query": TEXT, "product_id": IDENTIFIER, "product_locale": TEXT, "esci_label": label(_LEVELS),
    "split": label(_SPLITS),
}  # fmt: skip
_PRODUCTS = {
    "product_id": IDENTIFIER, "product_locale": label(_LANGUAGES),
    **dict.fromkeys((*_TEXTS, *_FACTS), TEXT),
}  # fmt: skip

_PIN_ID = pl.concat_str("product_locale", "product_id", separator=":").alias("pin_id")
_LANGUAGE = pl.col("product_locale").replace_strict(_LANGUAGES).alias("language")
_COUNTRY = pl.col("product_locale").alias("country")


def _read(files: Mapping[str, Path]) -> PublicTables:
    products = read_parquet(files["pins"], _PRODUCTS, others=False)
    rows = read_parquet(files["judgments"], _EXAMPLES, others=False)
    refuse_unknown(rows, _IDENTITY, products.frame, files["pins"].name)
    judgments = rows.frame.select(
        "query",
        _PIN_ID,
        pl.col("esci_label").replace_strict(_LEVELS, return_dtype=pl.Int8).alias("level"),
        _LANGUAGE,
        _COUNTRY,
        pl.col("split").replace_strict(_SPLITS, return_dtype=pl.String),
    )
    return PublicTables(Rows(_pins(products.frame), products.origin), Rows(judgments, rows.origin))


def _pins(products: pl.DataFrame) -> pl.DataFrame:
    texts = [plain_text(products[name]) for name in (*_TEXTS, *_FACTS)]
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
