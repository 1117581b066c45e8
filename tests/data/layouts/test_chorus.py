"""Chorus: electronics become pins with a caption in words, ratings become levels."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pintower.data.reader import read_dataset
from pintower.errors import DatasetError

HEADSET = {
    "id": "78503", "name": "H800", "title": "Logitech H800 Headset Head-band Black",
    "ean": ["5099206030497"], "short_description": "Stereo Headset, 2.4 GHz, 90&deg; <br />mic",
    "img_high": "http://images/1.jpg", "date_released": "2010-10-01T00:00:00Z",
    "supplier": "Logitech", "price": 7995, "attr_t_product_type": "Headset",
    "attr_t_connectivity_technology": "Wireless", "attr_t_product_colour": "Black,Silver",
    "attr_t_certification": "CE", "attr_b_bluetooth": True, "attr_n_weight": 120.5,
}  # fmt: skip
LAPTOP = {
    "id": "21019", "title": "HP Pavilion 17\" Notebook", "supplier": "HP",
    "attr_t_product_type": "1", "attr_t_operating_system_installed": "Windows 10 Home",
    "attr_t_market_positioning": "N",
}  # fmt: skip
RATINGS = "query,docid,rating\nheadset,78503,3\nheadset,21019,0\nlaptop,21019,2\nlaptop,78503,1\n"


def write(folder: Path, products: list[dict[str, Any]], ratings: str = RATINGS) -> None:
    lines = "".join(json.dumps(product) + "\n" for product in products)
    (folder / "icecat-products.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "Broad_Query_Set_rated.csv").write_text(ratings)


def refuse(folder: Path, *parts: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(folder)
    for part in parts:
        assert part in str(caught.value)


def test_products_become_pins_with_a_caption_of_words(tmp_path: Path) -> None:
    write(tmp_path, [HEADSET, LAPTOP])
    data = read_dataset(tmp_path)
    headset, laptop = data.pins.to_dicts()
    assert data.layout == "Chorus"
    assert headset["pin_id"] == "78503"
    assert headset["title"] == "Logitech H800 Headset Head-band Black"
    assert headset["description"] == "Stereo Headset, 2.4 GHz, 90° mic"
    assert headset["caption"] == "Headset, Wireless, Black, Silver"
    assert (laptop["description"], laptop["caption"]) == ("", "Windows 10 Home")
    assert data.impressions.is_empty()


def test_plain_and_packed_products_are_the_same(tmp_path: Path) -> None:
    write(tmp_path, [HEADSET, LAPTOP])
    packed = read_dataset(tmp_path).pins
    path = tmp_path / "icecat-products.jsonl.gz"
    (tmp_path / "icecat-products.jsonl").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    assert read_dataset(tmp_path).pins.equals(packed)


def test_products_without_any_attribute_have_no_caption(tmp_path: Path) -> None:
    plain = {key: HEADSET[key] for key in ("id", "title", "short_description")}
    write(tmp_path, [plain], "query,docid,rating\nheadset,78503,3\n")
    assert read_dataset(tmp_path).pins["caption"].to_list() == [""]


def test_ratings_become_levels(tmp_path: Path) -> None:
    write(tmp_path, [HEADSET, LAPTOP])
    assert read_dataset(tmp_path).judgments.select("query", "pin_id", "level").rows() == [
        ("headset", "78503", 5),
        ("headset", "21019", 1),
        ("laptop", "21019", 4),
        ("laptop", "78503", 2),
    ]


@pytest.mark.parametrize(
    ("ratings", "parts"),
    [
        (RATINGS + "tv,78503,4\n", ("row 5", "rating '4'", "allowed are 0, 1, 2, 3")),
        (RATINGS + "tv,78503,\n", ("row 5", "rating None")),
        (RATINGS.replace("docid", "id"), ("lacks the column 'docid'", "found: query, id, rating")),
        (RATINGS + "tv,99,3\n", ("row 5", "docid '99' is not in icecat-products.jsonl.gz", "of 5")),
        (RATINGS + "tv,785", ("line 6", "2 fields", "cut off")),
        (RATINGS + '"flat screen', ("line 6", "never ends")),
        (RATINGS + " ,78503,3\n", ("1 rows have no query", "rows 5")),
        ("query,docid,rating\n", ("holds no rows", "querqy/chorus")),
    ],
)
def test_broken_ratings_are_refused(tmp_path: Path, ratings: str, parts: tuple[str, ...]) -> None:
    write(tmp_path, [HEADSET, LAPTOP], ratings)
    refuse(tmp_path, "Broad_Query_Set_rated.csv", *parts)


def test_products_cut_off_or_without_a_column_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [{"id": "78503", "title": "x"}])
    refuse(tmp_path, "icecat-products.jsonl.gz", "lacks the column 'short_description'")
    write(tmp_path, [HEADSET, LAPTOP] * 20)
    path = tmp_path / "icecat-products.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    refuse(tmp_path, "icecat-products.jsonl.gz", "cut off")


def test_nan_is_absent(tmp_path: Path) -> None:
    nan = float("nan")
    write(tmp_path, [HEADSET | {"short_description": nan, "attr_t_product_type": nan}, LAPTOP])
    headset = read_dataset(tmp_path).pins.to_dicts()[0]
    assert (headset["description"], headset["caption"]) == ("", "Wireless, Black, Silver")


@pytest.mark.parametrize(
    ("product", "said"),
    [
        ({"id": 1.5}, "id 1.5"),
        ({"title": 800}, "title 800"),
        ({"short_description": False}, "short_description False"),
        ({"attr_t_product_colour": ["Black"]}, "attr_t_product_colour ['Black']"),
    ],
)
def test_products_of_another_type_are_refused(
    tmp_path: Path, product: dict[str, Any], said: str
) -> None:
    write(tmp_path, [LAPTOP | {"short_description": "x"}, HEADSET | product])
    refuse(tmp_path, "icecat-products.jsonl.gz, row 2 (line 2)", said)


def test_text_that_pandas_writes_for_nothing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, [HEADSET, LAPTOP | {"short_description": "nan"}], RATINGS + "None,21019,1\n")
    with caplog.at_level("WARNING"):
        read_dataset(tmp_path)
    assert "short_description is nan, None, null or the like 1 times" in caplog.text
    assert "query is nan, None, null or the like 1 times" in caplog.text
