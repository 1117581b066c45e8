from typing import Any

from pintower.report.slices import slice_rows


def part(by: str, name: str, queries: int, *, worse: bool = False) -> dict[str, Any]:
    value = -0.1 if worse else 0.1
    return {
        "by": by,
        "slice": name,
        "queries": queries,
        "difference": {
            "baseline": "mixture", "value": value, "low": value - 0.05, "high": value + 0.05,
            "p": 0.01, "p_adjusted": 0.02, "worse": worse,
        },
    }  # fmt: skip


def test_slices_are_grouped_and_lengths_keep_their_order() -> None:
    rows, hidden = slice_rows(
        [part("frequency", "tail", 4), part("language", "de", 2), part("language", "en", 9),
         part("query_length", "1", 3), part("query_length", "2-3", 8), part("frequency", "head", 4),
         part("frequency", "torso", 4), part("country", "DE", 1), part("country", "US", 2)]
    )  # fmt: skip
    assert [(row.kind, row.name) for row in rows] == [
        ("Query length", "1 word"), ("", "2 to 3 words"),
        ("Frequency in the log (the head makes up half of it, with the torso four fifths)", "Head"),
        ("", "Torso"), ("", "Tail"), ("Language", "en"), ("", "de"), ("Country", "US"), ("", "DE"),
    ]  # fmt: skip
    assert hidden == 0


def test_of_many_languages_the_largest_are_shown_and_the_others_counted() -> None:
    rows, hidden = slice_rows([part("language", f"l{number}", number) for number in range(1, 10)])
    assert [row.name for row in rows] == ["l9", "l8", "l7", "l6", "l5", "l4"]
    assert hidden == 3


def test_a_kind_nobody_knew_is_shown_in_its_own_words() -> None:
    rows, _ = slice_rows([part("price_band", "low", 2)])
    assert (rows[0].kind, rows[0].name) == ("Price band", "low")


def test_a_small_part_on_which_the_student_is_behind_is_shown() -> None:
    """It is not pushed out by larger ones."""
    parts = [part("language", f"l{number}", number) for number in range(2, 10)]
    rows, _ = slice_rows([*parts, part("language", "l1", 1, worse=True)])
    assert (rows[0].name, rows[0].worse, rows[0].value, rows[0].p_value) == ("l1", True, -0.1, 0.02)
    assert not any(row.worse for row in rows[1:])
