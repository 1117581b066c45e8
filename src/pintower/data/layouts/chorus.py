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

from pintower.data.checks import as_text, require
from pintower.data.delimited import read_csv
from pintower.data.jsonl import read_jsonl
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.markup import plain_text
from pintower.data.layouts.rows import refuse_unknown, to_levels

__all__ = ["CHORUS"]

_LEVELS = {"0": 1, "1": 2, "2": 4, "3": 5}
_RATINGS = ("query", "docid", "rating")
_PRODUCT = ("id", "title", "short_description")
_ATTRIBUTES = (
    "attr_t_product_type", "attr_t_device_type", "attr_t_market_positioning",
    "attr_t_connectivity_technology", "attr_t_operating_system_installed",
    "attr_t_product_colour",
)  # fmt: skip
_WORD = r"[A-Za-z]{3}"
"""What an attribute must hold to say anything: some are codes, or Y and N."""


def _read(files: Mapping[str, Path]) -> PublicTables:
    pins = _pins(files["pins"])
    path = files["judgments"]
    rows = read_csv(path, ",")
    require(rows, _RATINGS, path)
    levels = to_levels(rows, "rating", _LEVELS, path)
    judgments = rows.select("query", pl.col("docid").alias("pin_id"), levels)
    refuse_unknown(rows, ["docid"], pins.select(docid="pin_id"), path, files["pins"])
    return PublicTables(pins, judgments)


def _pins(path: Path) -> pl.DataFrame:
    products = read_jsonl(path, (*_PRODUCT, *_ATTRIBUTES), others=False)
    require(products, _PRODUCT, path)
    text = {name: as_text(products, name, path) for name in products.columns}
    hole = pl.Series([None] * len(products), dtype=pl.String())
    spaced = (text.get(name, hole).str.replace_all(r",\s*", ", ") for name in _ATTRIBUTES)
    said = [pl.when(words.str.contains(_WORD)).then(words) for words in spaced]
    return pl.select(
        text["id"].alias("pin_id"),
        plain_text(text["title"]),
        plain_text(text["short_description"]).alias("description"),
        pl.concat_str(said, separator=", ", ignore_nulls=True).alias("caption"),
    )


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
