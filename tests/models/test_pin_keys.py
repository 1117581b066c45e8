import polars as pl
import pytest

from pintower.config import ChangeRule
from pintower.models.pin_keys import PinKeys
from pintower.text.rendering import PIN_SOURCES, Rendering


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("Red shoes!", "red  SHOES", True),
        ("जूता", "जूते", False),
        ("กา", "กี", False),
        ("İstanbul", "istanbul", True),
        ("鞋，红色", "鞋 红色", True),
        ("红色鞋", "鞋红色", False),
    ],
)
def test_folded_text_tells_words_apart_in_every_script(before: str, after: str, same: bool) -> None:
    lists = {"board_titles": [], "engaged_queries": []}
    rows = [
        {"pin_id": f"{number}", **dict.fromkeys(PIN_SOURCES, ""), **lists, "title": title}
        for number, title in enumerate((before, after))
    ]
    keys = PinKeys(Rendering(), ChangeRule(fold_text=True)).table(pl.DataFrame(rows))
    first, second = keys["rule_key"].to_pylist()
    assert (first == second) == same
