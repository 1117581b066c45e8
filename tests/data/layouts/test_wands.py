"""WANDS: tab-separated files with quoted fields become pins, levels and queries."""

from math import log1p
from pathlib import Path

import pytest

from pintower.data.reader import read_dataset
from pintower.errors import DatasetError

PRODUCT_HEADER = (
    "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\t"
    "product_features\trating_count\taverage_rating\treview_count\n"
)
BED = (
    "0\tsolid wood platform bed\tBeds\tFurniture / Bedroom Furniture / Beds\t"
    "\"good , deep sleep\n64.7 '' wide\"\t"
    "overallwidth-sidetoside:64.7|woodspecies : pine|color : black|countryoforigin : china|"
    "dsprimaryproductstyle : modern| : no|color : black|drawersincluded : yes|basetype:3 legs|:60\t"
    "15.0\t4.5\t12.0\n"
)
CHAIR = "7\tfletcher armchair\tAccent Chairs|Teen Lounge Furniture\t\t\t\t\t\t\n"
PRODUCTS = PRODUCT_HEADER + BED + CHAIR
QUERIES = (
    'query_id\tquery\tquery_class\n1\twood bed\tBeds\n208\t"fawkes 36"" blue vanity"\tVanities\n'
    "9\tdull bed\t\n"
)
LABELS = (
    "id\tquery_id\tproduct_id\tlabel\n0\t1\t0\tExact\n1\t1\t7\tIrrelevant\n2\t208\t7\tPartial\n"
)


def write(
    folder: Path, *, products: str = PRODUCTS, queries: str = QUERIES, labels: str = LABELS
) -> None:
    (folder / "product.csv").write_text(products, "utf-8")
    (folder / "query.csv").write_text(queries, "utf-8")
    (folder / "label.csv").write_text(labels, "utf-8")


def refuse(folder: Path, *parts: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(folder)
    for part in parts:
        assert part in str(caught.value)


def test_products_become_pins(tmp_path: Path) -> None:
    write(tmp_path)
    data = read_dataset(tmp_path)
    bed, chair = data.pins.to_dicts()
    assert data.layout == "WANDS"
    assert (bed["pin_id"], bed["title"]) == ("0", "solid wood platform bed")
    assert bed["description"] == "good , deep sleep\n64.7 '' wide"
    assert bed["board_titles"] == ["Beds", "Bedroom Furniture", "Furniture"]
    assert bed["standing"] == pytest.approx([log1p(15), 4.5, log1p(12)])
    assert chair["board_titles"] == ["Accent Chairs", "Teen Lounge Furniture"]
    assert (chair["description"], chair["caption"]) == ("", "")
    assert chair["standing"] == [0.0, 0.0, 0.0]


def test_the_caption_is_words_alone_with_looks_first(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_dataset(tmp_path).pins["caption"][0] == "black, modern, 3 legs, pine"


def test_labels_become_levels_of_the_queries_they_name(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_dataset(tmp_path).judgments.select("query", "pin_id", "level").rows() == [
        ("wood bed", "0", 5),
        ("wood bed", "7", 1),
        ('fawkes 36" blue vanity', "7", 3),
    ]


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (LABELS + "3\t1\t0\tMaybe\n", ("row 4", "label 'Maybe'", "Irrelevant, Partial, Exact")),
        (LABELS + "3\t1\t0\tExa", ("row 4", "label 'Exa'")),
        (LABELS + "3\t1\t0\t\n", ("row 4", "label None")),
        (LABELS + "3\t1\t8\tExact\n", ("row 4", "product_id '8' is not in product.csv", "of 4")),
        (LABELS + "3\t2\t0\tExact\n", ("row 4", "query_id '2' is not in query.csv", "of 4")),
        (LABELS + "3\t1", ("line 5", "2 fields", "cut off")),
        (LABELS.replace("label", "grade"), ("lacks the column 'label'", "found: id, query_id")),
        ("id\tquery_id\tproduct_id\tlabel\n", ("holds no rows", "wayfair/WANDS")),
    ],
)
def test_broken_labels_are_refused(tmp_path: Path, labels: str, parts: tuple[str, ...]) -> None:
    write(tmp_path, labels=labels)
    refuse(tmp_path, "label.csv", *parts)


@pytest.mark.parametrize(
    ("products", "parts"),
    [
        (PRODUCTS + "8\ta lamp\tLamps\tLight", ("line 5", "4 fields", "header has 9", "cut off")),
        (PRODUCTS + '8\ta lamp\tLamps\tLighting\t"a lamp\nof', ("line 5", "never ends")),
        (PRODUCTS.replace("category hierarchy", "category"), ("'category hierarchy'", "found")),
        (PRODUCTS.replace("15.0", "many"), ("row 1", "rating_count 'many'", "number from 0")),
        (PRODUCTS + BED, ("occur more than once", "'0'")),
    ],
)
def test_broken_products_are_refused(tmp_path: Path, products: str, parts: tuple[str, ...]) -> None:
    write(tmp_path, products=products)
    refuse(tmp_path, "product.csv", *parts)


def test_broken_queries_are_refused(tmp_path: Path) -> None:
    write(tmp_path, queries=QUERIES.replace("query\tquery_class", "text\tquery_class"))
    refuse(tmp_path, "query.csv", "lacks the column 'query'")
    write(tmp_path, queries=QUERIES + '10\t"cut')
    refuse(tmp_path, "query.csv", "line 5", "never ends")


def test_a_field_of_any_length_is_read(tmp_path: Path) -> None:
    long = "oak " * 50_000
    write(tmp_path, products=PRODUCTS + f'8\tlamp\tLamps\t\t"{long}"\t\t\t\t\n')
    assert read_dataset(tmp_path).pins["description"][2] == long


def test_text_that_pandas_writes_for_nothing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, products=PRODUCTS + "8\tlamp\tnan\t\t\t\t\t\t\n")
    with caplog.at_level("WARNING"):
        read_dataset(tmp_path)
    assert "product.csv: product_class is nan, None, null or the like 1 times" in caplog.text
    write(tmp_path, products=PRODUCTS + "8\tlamp\tLamps\t\t\t\tnan\t\t\n")
    refuse(tmp_path, "product.csv, row 3 (line 5)", "rating_count 'nan'", "number from 0")
