"""Chorus, an electronics shop: products from Icecat, and queries rated by three people.

    Broad_Query_Set_rated.csv     query, docid, rating (0 to 3); in the repository's katas folder
    icecat-products.jsonl.gz      one product a line: id, title, short_description, attr_t_...

Upstream packs the 19,406 products the ratings are about as one JSON array
(icecat-products-w_price-19k-20201127.tar.gz on querqy.org); one product a line is made of it by

    tar -xzOf icecat-products-w_price-19k-20201127.tar.gz | jq -c '.[]' > icecat-products.jsonl

A product has up to some hundred of 5,000 attributes, most of them numbers, yes or no, or lists of
what else it goes with. The caption is made of the few that say in a word what the thing is, and
that searchers use where title and description don't: "headphones", "gaming", "wireless",
"windows 10", "black". The whole of them would bury these. The maker begins the title already.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pintower.data.checks import require
from pintower.data.columns import IDENTIFIER, TEXT
from pintower.data.delimited import read_csv
from pintower.data.jsonl import read_jsonl
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.markup import plain_text
from pintower.data.layouts.rows import label, refuse_unknown
from pintower.data.origin import Rows

__all__ = ["CHORUS"]

_LEVELS = {"0": 1, "1": 2, "2": 4, "3": 5}
_RATINGS = {"query": TEXT, "docid": IDENTIFIER, "rating": label(_LEVELS)}
_PRODUCT = {"id": IDENTIFIER, "title": TEXT, "short_description": TEXT}
_ATTRIBUTES = (
    "attr_t_product_type", "attr_t_device_type", "attr_t_market_positioning",
    "attr_t_connectivity_technology", "attr_t_operating_system_installed",
    "attr_t_product_colour",
)  # fmt: skip
_WORD = r"[A-Za-z]{3}"
"""What an attribute must hold to say anything: some are codes, or Y and N."""


def _read(files: Mapping[str, Path]) -> PublicTables:
    pins = _pins(files["pins"])
    rows = read_csv(files["judgments"], ",", _RATINGS)
    require(rows.frame.columns, _RATINGS, rows.origin)
    refuse_unknown(rows, ["docid"], pins.frame.select(docid="pin_id"), files["pins"].name)
    judgments = rows.frame.select(
        "query",
        pl.col("docid").alias("pin_id"),
        pl.col("rating").replace_strict(_LEVELS, return_dtype=pl.Int8).alias("level"),
    )
    return PublicTables(pins, Rows(judgments, rows.origin))


def _pins(path: Path) -> Rows:
    rows = read_jsonl(path, _PRODUCT | dict.fromkeys(_ATTRIBUTES, TEXT), others=False)
    products = rows.frame
    require(products.columns, _PRODUCT, rows.origin)
    told = [products[name] for name in _ATTRIBUTES if name in products.columns]
    spaced = (text.str.replace_all(r",\s*", ", ") for text in told)
    said = [pl.when(words.str.contains(_WORD)).then(words) for words in spaced]
    pins = products.select(
        pl.col("id").alias("pin_id"),
        plain_text(products["title"]),
        plain_text(products["short_description"]).alias("description"),
        pl.concat_str(pl.lit(None, pl.String()), *said, separator=", ", ignore_nulls=True)
        .alias("caption"),
    )  # fmt: skip
    return Rows(pins, rows.origin)


CHORUS = Layout(
    name="Chorus",
    source="https://github.com/querqy/chorus (katas) and https://querqy.org/datasets/icecat "
    "(products, to be written one a line)",
    files={
        "pins": ("icecat-products.jsonl.gz", "icecat-products.jsonl"),
        "judgments": ("Broad_Query_Set_rated.csv",),
    },
    levels=_LEVELS,
    read=_read,
)
