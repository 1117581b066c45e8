from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintower.text.rendering import Rendering, decode, normalize_query, render_pin, render_query


@given(st.binary(max_size=2_000))
def test_any_bytes_give_a_query_that_is_its_own_normal_form(raw: bytes) -> None:
    rendering = Rendering()
    text = normalize_query(decode(raw), rendering)
    assert normalize_query(text, rendering) == text
    assert len(text) <= rendering.query_max_chars


@pytest.mark.parametrize(
    "text",
    ["Red  Shoes", "red shoes ", "RED\tSHOES", "red\u00a0shoes", "\x00red shoes", "ｒed shoes"],
)
def test_writings_of_one_query_share_a_normal_form(text: str) -> None:
    assert normalize_query(text, Rendering()) == "red shoes"


def test_a_number_keeps_apart_from_the_small_digits_behind_it() -> None:
    assert normalize_query("1½ cups", Rendering()) == "1 1\u20442 cups"
    assert render_pin({"title": "10² m²"}, Rendering()) == "10 2 m2"


def test_case_is_kept_where_the_student_wants_it() -> None:
    assert render_query("Red", Rendering(lowercase=False, query_prefix="query: ")) == "query: Red"


def test_forms_of_characters_are_kept_where_the_student_wants_it() -> None:
    kept = Rendering(fold_forms=False)
    assert normalize_query(" ｆull\u3000½ ", kept) == "ｆull ½"
    assert render_pin({"title": "LEGO™  set"}, kept) == "LEGO™ set"
    assert render_pin({"title": "LEGO™  set"}, Rendering()) == "LEGOTM set"


def test_case_is_folded_letter_by_letter_as_tokenizers_do() -> None:
    assert normalize_query("ΟΔΟΣ", Rendering()) == "οδοσ"
    assert normalize_query("οδός", Rendering()) == "οδός"


def test_pin_text_leaves_out_empty_sources_and_cuts_lists() -> None:
    pin = {"title": "A  lamp", "description": "", "board_titles": ["a", "b", "c"], "caption": None}
    assert render_pin(pin, Rendering(list_max_items=2)) == "A lamp | a, b"
    assert render_pin({}, Rendering()) == ""


def test_rendering_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.json"
    Rendering(source_max_chars=9).save(path)
    assert Rendering.load(path).source_max_chars == 9
    path.write_text('{"version": 1}')
    with pytest.raises(ValueError, match=r"version 1, .*version 2.*from-encoder"):
        Rendering.load(path)
    path.write_text('{"version": 99}')
    with pytest.raises(ValueError, match=r"version 99.*newer pintower"):
        Rendering.load(path)
    path.write_text('{"version": 2, "prefix": ""}')
    with pytest.raises(ValueError, match="unknown keys"):
        Rendering.load(path)
