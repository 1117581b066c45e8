from typing import Any

from pintower.report.slices import slice_rows


def part(by: str, name: str, queries: int, **models: float) -> dict[str, Any]:
    found = models or {"student": 0.9, "bm25": 0.8}
    return {
        "by": by,
        "slice": name,
        "queries": queries,
        "models": {
            model: {"ndcg@20": {"value": value, "low": value - 0.1, "high": value + 0.1}}
            for model, value in found.items()
        },
    }


def test_slices_are_grouped_and_lengths_keep_their_order() -> None:
    rows, hidden = slice_rows(
        [part("language", "de", 2), part("language", "en", 9), part("query_length", "1", 3),
         part("query_length", "2-3", 8), part("frequency", "head", 4)]
    )  # fmt: skip
    assert [(row.kind, row.name) for row in rows] == [
        ("Query length", "1 word"), ("", "2 to 3 words"),
        ("Frequency in the log (the head makes up half of it)", "Head"),
        ("Language", "en"), ("", "de"),
    ]  # fmt: skip
    assert hidden == 0


def test_of_many_languages_the_largest_are_shown_and_the_others_counted() -> None:
    rows, hidden = slice_rows([part("language", f"l{number}", number) for number in range(1, 10)])
    assert [row.name for row in rows] == ["l9", "l8", "l7", "l6", "l5", "l4"]
    assert hidden == 3


def test_a_kind_nobody_knew_is_shown_in_its_own_words() -> None:
    rows, _ = slice_rows([part("price_band", "low", 2, student=0.5)])
    assert (rows[0].kind, rows[0].name, rows[0].baseline) == ("Price band", "low", None)
