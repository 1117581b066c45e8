import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintower.text.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" red  shoes, for men ", ["red  ", "shoes, ", "for ", "men"]),
        ("जूते लाल", ["जूते ", "लाल"]),
        ("红色，运动鞋 nike", ["红色，", "运动", "鞋 ", "nike"]),
        ("ノートパソコン", ["ノー", "トパ", "ソコ", "ン"]),
        ("한국어 운동화", ["한국어 ", "운동화"]),
        ("น้ำตาล", ["น้ำต", "าล"]),
        ("iPhone手机壳", ["iPhone", "手机", "壳"]),
        ("", []),
    ],
)
def test_a_text_is_cut_into_its_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_the_words_of_any_text_are_the_text(text: str) -> None:
    assert "".join(words(text)).strip() == text.strip()
